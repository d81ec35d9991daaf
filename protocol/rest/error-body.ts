import { ByteWriter } from "./byte-writer.ts";
import type { RestDialect } from "./dialect.ts";
import { rawBytes } from "./raw-text.ts";
import { writeString } from "./write-string.ts";

/** The content type of every answer under `/v1/`. */
export const REST_CONTENT_TYPE = "application/json";

/** libevent's page for a path that nothing serves; its content type is `text/html`. */
export const NOT_FOUND_PAGE = "<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n</BODY></HTML>\n";

/** `{"error": message}` in TensorFlow Serving's layout and escaping (`MakeJsonFromStatus`). */
export function writeErrorBody(message: string, { strictJson = false }: RestDialect = {}): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter(message.length + 64);
  out.ascii('{\n    "error": ');
  // Strictly, what a message repeats that is not UTF-8 becomes U+FFFD.
  writeString(out, strictJson ? new TextEncoder().encode(message) : rawBytes(message));
  out.ascii("\n}");
  return out.finish();
}
