import type { Digest } from "../digest.ts";
import { AshoreError } from "../errors.ts";
import type { Encoding } from "../manifest.ts";
import { gunzip } from "./gunzip.ts";
import { unplanes } from "./planes.ts";

export interface DecodeOptions {
  readonly signal?: AbortSignal | undefined;
  /** The verified bytes of the encoding's `base`, for a codec that needs them. */
  readonly base?: Uint8Array<ArrayBuffer> | undefined;
}

type Decoder = (encoded: Uint8Array<ArrayBuffer>, encoding: Encoding, size: number, options: DecodeOptions) => Promise<Uint8Array<ArrayBuffer>>;

/** Every codec that this code decodes; a manifest may name others, which are passed over. */
const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ["identity", async (encoded) => encoded],
  ["gzip", async (encoded, _encoding, size, { signal }) => gunzip(encoded, size, { signal })],
  ["planes+gzip", async (encoded, encoding, size, { signal }) => unplanes(await gunzip(encoded, size, { signal }), widthOf(encoding))],
]);

/** Whether this code can decode an encoding with the blobs that a device holds. */
export function canDecode(encoding: Encoding, holds: (base: Digest) => boolean): boolean {
  if (!DECODERS.has(encoding.codec)) return false;
  return encoding.base === undefined || holds(encoding.base);
}

/**
 * A blob's bytes out of one of its encodings. `encoded` was verified against the encoding's digest before; the result has
 * exactly `size` bytes, and its digest is still to be verified.
 * @throws ENCODING_INVALID where the bytes cannot be decoded or do not give `size` bytes; UNIMPLEMENTED for an unknown codec; CANCELLED
 */
export async function decode(encoding: Encoding, encoded: Uint8Array<ArrayBuffer>, size: number, options: DecodeOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const decoder = DECODERS.get(encoding.codec);
  if (decoder === undefined) {
    throw new AshoreError("UNIMPLEMENTED", `The encoding ${JSON.stringify(encoding.codec)} is not known here; another encoding of the same blob must be taken.`);
  }
  const bytes = await decoder(encoded, encoding, size, options);
  if (bytes.byteLength !== size) {
    throw new AshoreError("ENCODING_INVALID", `The ${encoding.codec} encoding ${encoding.digest} gives ${bytes.byteLength} bytes where the manifest names ${size}.`);
  }
  return bytes;
}

function widthOf(encoding: Encoding): number {
  if (encoding.width !== undefined) return encoding.width;
  throw new AshoreError("ENCODING_INVALID", `The ${encoding.codec} encoding ${encoding.digest} names no element width.`);
}
