import type { ByteWriter } from "./byte-writer.ts";

const HEX = "0123456789ABCDEF";
const SHORT: Readonly<Record<number, string>> = { 0x08: "\\b", 0x09: "\\t", 0x0a: "\\n", 0x0c: "\\f", 0x0d: "\\r", 0x22: '\\"', 0x5c: "\\\\" };

/**
 * A JSON string of raw bytes as RapidJSON escapes it: `"`, `\` and control characters only, hexadecimal in upper case;
 * `/`, DEL and everything beyond ASCII stay as they are, valid UTF-8 or not.
 */
export function writeString(out: ByteWriter, bytes: Uint8Array): void {
  let escaped = 0;
  for (const byte of bytes) if (isEscaped(byte)) escaped++;
  out.reserve(bytes.length + 5 * escaped + 2);
  out.byte(0x22);
  if (escaped === 0) out.raw(bytes);
  else {
    for (const byte of bytes) {
      if (!isEscaped(byte)) out.bytes[out.length++] = byte;
      else out.ascii(SHORT[byte] ?? `\\u00${HEX.charAt(byte >> 4)}${HEX.charAt(byte & 15)}`);
    }
  }
  out.byte(0x22);
}

function isEscaped(byte: number): boolean {
  return byte < 0x20 || byte === 0x22 || byte === 0x5c;
}
