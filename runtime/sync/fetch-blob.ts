import { hexOf, verifyDigest, type Digest } from "../../protocol/digest.ts";
import { decode } from "../../protocol/encoding/index.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { EncodedBlob, Encoding } from "../../protocol/manifest.ts";
import type { BlobStore, Ports, WithSignal } from "../ports.ts";
import { download, type Download, type DownloadOptions } from "../trust/download.ts";
import { isTransient, retrying } from "./retry.ts";

export interface BlobSource extends Pick<Ports, "fetch" | "clock" | "random"> {
  /** The server's base URL; blobs lie at `<server>/blobs/sha256/<hex>`. */
  readonly server: string;
  /** Where bases of deltas are; verifies what it reads. */
  readonly blobs: Pick<BlobStore, "get">;
}

export interface FetchBlobOptions extends WithSignal {
  /** Bytes on the wire in the present attempt, so far. */
  readonly onBytes?: (received: number) => void;
  /** An encoding did not give what it promised; the next one is tried. */
  readonly onFailed?: (encoding: Encoding, error: AshoreError) => void;
}

/**
 * A blob's verified bytes, out of the first of `encodings` (as {@link planBlob} orders them) that gives them: downloaded no
 * further than its size, hashed before a decoder sees it, decoded no further than the blob's size, hashed again. Faults of the
 * network are retried; wrong bytes once more past the HTTP cache; then the next encoding is tried.
 * @throws the last encoding's error: DIGEST_MISMATCH, SIZE_MISMATCH, LIMIT_EXCEEDED (more bytes than signed for),
 * ENCODING_INVALID, HTTP_STATUS; at once NETWORK_FAILED, SLOW_RETRIEVAL and HTTP_STATUS 5xx or 429 after
 * LIMITS.fetchAttempts; CANCELLED, DEADLINE_EXCEEDED
 */
export async function fetchBlob(blob: EncodedBlob, encodings: readonly Encoding[], source: BlobSource, options: FetchBlobOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  let last: AshoreError | undefined;
  for (const encoding of encodings) {
    try {
      const base = encoding.base === undefined ? undefined : await baseOf(encoding.base, source, options);
      const encoded = await fetchEncoded(encoding, source, options);
      if (encoding.digest === blob.digest) return encoded;
      const bytes = await decode(encoding, encoded, blob.size, { signal: options.signal, base });
      await verifyDigest(bytes, blob, `${urlOf(source, encoding.digest)}, decoded by ${encoding.codec},`);
      return bytes;
    } catch (thrown) {
      if (!(thrown instanceof AshoreError) || !isOwnFault(thrown)) throw thrown;
      options.onFailed?.(encoding, thrown);
      last = thrown;
    }
  }
  throw last ?? new AshoreError("UNIMPLEMENTED", `The manifest carries ${blob.digest} only in encodings that are not known here (${blob.encodings.map(({ codec }) => codec).join(", ")}); a later Ashore is needed.`);
}

/** A fault of this encoding, so that another may do; anything else would meet that one too. */
function isOwnFault(error: AshoreError): boolean {
  return isWrongContent(error) || error.code === "ENCODING_INVALID" || error.code === "UNIMPLEMENTED" || error.code === "NOT_FOUND" || (error.code === "HTTP_STATUS" && !isTransient(error));
}

function isWrongContent({ code }: AshoreError): boolean {
  return code === "DIGEST_MISMATCH" || code === "SIZE_MISMATCH" || code === "LIMIT_EXCEEDED";
}

async function baseOf(base: Digest, { blobs }: BlobSource, options: WithSignal): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await blobs.get(base, options);
  if (bytes !== undefined) return bytes;
  throw new AshoreError("NOT_FOUND", `The older blob ${base} that a delta is against is no longer here.`);
}

/** An encoding's own bytes, verified; wrong ones are fetched once more past every cache that a browser controls. */
async function fetchEncoded(encoding: Encoding, source: BlobSource, options: FetchBlobOptions): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await attempt(encoding, source, options, {});
  } catch (thrown) {
    if (!(thrown instanceof AshoreError) || !isWrongContent(thrown)) throw thrown;
    return attempt(encoding, source, options, { cache: "reload" });
  }
}

async function attempt(encoding: Encoding, source: BlobSource, { signal, onBytes }: FetchBlobOptions, caching: Pick<DownloadOptions, "cache">): Promise<Uint8Array<ArrayBuffer>> {
  const url = urlOf(source, encoding.digest);
  const { fetch, clock } = source;
  const answer = await retrying(
    () => {
      let received = 0;
      return download(fetch, url, { maxBytes: encoding.size, clock, signal, ...caching, onBytes: (count) => onBytes?.((received += count)) });
    },
    source,
    { signal },
  );
  await verifyDigest(answer.bytes, encoding, `${url}${hint(answer)}`);
  return answer.bytes;
}

function urlOf({ server }: BlobSource, digest: Digest): string {
  return `${server.replace(/\/+$/, "")}/blobs/sha256/${hexOf(digest)}`;
}

/** A page where a blob should be has two usual reasons, and its reader should learn them here. */
function hint({ headers }: Download): string {
  return headers.get("content-type")?.startsWith("text/html") ? " (an HTML page: a sign-in page of the network, or a host that answers missing files with its index page)" : "";
}
