import { AshoreError, asAshoreError } from "../errors.ts";

export interface GunzipOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * A gzip stream's content, which must have exactly `size` bytes. Decoding stops at the first byte beyond, so that a small
 * stream that expands without end costs `size` bytes and no more.
 * @throws ENCODING_INVALID, CANCELLED
 */
export async function gunzip(bytes: Uint8Array<ArrayBuffer>, size: number, { signal }: GunzipOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  if (signal?.aborted) throw asAshoreError(signal.reason, "CANCELLED");
  const { readable, writable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  // A fault in the stream, or our own cancel, rejects these too; the reader below is where it is reported.
  writer.write(bytes).catch(ignore);
  writer.close().catch(ignore);
  const reader = readable.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const out = new Uint8Array(size);
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (signal?.aborted) throw asAshoreError(signal.reason, "CANCELLED");
      if (length + value.byteLength > size) {
        throw new AshoreError("ENCODING_INVALID", `A gzip stream of ${bytes.byteLength} bytes expands beyond the ${size} bytes that the manifest names.`);
      }
      out.set(value, length);
      length += value.byteLength;
    }
  } catch (thrown) {
    reader.cancel(thrown).catch(ignore);
    if (thrown instanceof AshoreError) throw thrown;
    throw new AshoreError("ENCODING_INVALID", `A gzip stream of ${bytes.byteLength} bytes cannot be decoded; it was damaged or cut before it was published.`, { cause: thrown });
  }
  if (length < size) {
    throw new AshoreError("ENCODING_INVALID", `A gzip stream of ${bytes.byteLength} bytes holds ${length} bytes where the manifest names ${size}.`);
  }
  return out;
}

function ignore(): void {}
