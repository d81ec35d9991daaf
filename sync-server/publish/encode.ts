import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { planes } from "../../protocol/encoding/index.ts";
import type { Digest } from "../../protocol/digest.ts";
import { digestOf } from "../../protocol/digest.ts";
import type { EncodedBlob, Encoding } from "../../protocol/manifest.ts";

const gzipAsync = promisify(gzip);

/** An encoding is published only where it travels in at most this share of the blob's own size. */
const WORTHWHILE = 0.98;

/** A blob, its descriptor, and the bytes of each of its encodings. */
export interface BlobWithEncodings {
  readonly blob: EncodedBlob;
  readonly contents: ReadonlyMap<Digest, Uint8Array<ArrayBuffer>>;
}

/**
 * A blob with the smallest encoding that is worth its decoding (byte planes for elements of `width` > 1 bytes), and as is.
 * The same bytes give the same encodings.
 */
export async function encodeBlob(bytes: Uint8Array<ArrayBuffer>, mediaType: string, width = 1): Promise<BlobWithEncodings> {
  const own = await digestOf(bytes);
  const identity: Encoding = { codec: "identity", digest: own, size: bytes.byteLength };
  const contents = new Map([[own, bytes]]);
  const encodings = [identity];
  const [plain, planar] = await Promise.all([gzipped(bytes), width > 1 ? gzipped(planes(bytes, width)) : undefined]);
  if (planar !== undefined && planar.byteLength <= WORTHWHILE * Math.min(bytes.byteLength, plain.byteLength)) {
    const digest = await digestOf(planar);
    contents.set(digest, planar);
    encodings.unshift({ codec: "planes+gzip", digest, size: planar.byteLength, width });
  } else if (plain.byteLength <= WORTHWHILE * bytes.byteLength) {
    const digest = await digestOf(plain);
    contents.set(digest, plain);
    encodings.unshift({ codec: "gzip", digest, size: plain.byteLength });
  }
  return { blob: { mediaType, digest: own, size: bytes.byteLength, encodings }, contents };
}

/** Gzip off the main thread; without time or operating system in its header, so that the same bytes give the same stream. */
async function gzipped(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = await gzipAsync(bytes, { level: 9 });
  const out = new Uint8Array(stream);
  out.set([0, 0, 0, 0], MTIME);
  out[OPERATING_SYSTEM] = 255;
  return out;
}

/** Places in a gzip member's header (RFC 1952 section 2.3). */
const MTIME = 4;
const OPERATING_SYSTEM = 9;
