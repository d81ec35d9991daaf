import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";

/** @throws LIMIT_EXCEEDED */
export function checkBodySize(bytes: number): void {
  if (bytes > LIMITS.requestBodyBytes) {
    throw new AshoreError("LIMIT_EXCEEDED", `The request body has more than the ${LIMITS.requestBodyBytes} bytes that are taken; send fewer instances at a time.`);
  }
}

/** A stream's bytes, counted while they come. @throws LIMIT_EXCEEDED, CANCELLED and what the stream throws */
export async function readBody(stream: ReadableStream<Uint8Array> | null): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = stream?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.byteLength;
    if (length > LIMITS.requestBodyBytes) void reader.cancel().catch(() => undefined);
    checkBodySize(length);
    chunks.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

/**
 * A body whose `Content-Encoding` says gzip, as TensorFlow Serving unpacks it; it expands to LIMITS.requestBodyBytes and no
 * further. @throws LIMIT_EXCEEDED, INVALID_ARGUMENT
 */
export async function gunzipBody(packed: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const { readable, writable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  // A fault in the stream rejects these too; the reader is where it is reported.
  writer.write(new Uint8Array(packed)).catch(() => undefined);
  writer.close().catch(() => undefined);
  try {
    return await readBody(readable);
  } catch (thrown) {
    if (thrown instanceof AshoreError) throw thrown;
    throw new AshoreError("INVALID_ARGUMENT", `The request body is not gzip, as its Content-Encoding says: ${asAshoreError(thrown).message}`, { cause: thrown });
  }
}
