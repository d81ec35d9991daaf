import { parseError } from "./parse-error.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LOWER_U = 0x75;

/** What stands for itself or for a control character after a backslash. */
const ESCAPES: Readonly<Record<number, number>> = { 0x22: 0x22, 0x5c: 0x5c, 0x2f: 0x2f, 0x62: 8, 0x66: 12, 0x6e: 10, 0x72: 13, 0x74: 9 };

export interface StringScan {
  /** The offset of the closing quotation mark. */
  end: number;
  escaped: boolean;
}

/**
 * A string literal from the byte after its opening quotation mark. UTF-8 is not checked, as in TensorFlow Serving.
 * @throws INVALID_ARGUMENT, with RapidJSON's text and the byte offset
 */
export function scanString(bytes: Uint8Array, start: number, scan: StringScan): void {
  let at = start;
  let escaped = false;
  for (;;) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) break;
    if (byte === BACKSLASH) {
      escaped = true;
      at = escapeEnd(bytes, at);
    } else if (byte < 0x20) throw parseError(byte === 0 ? "quote" : "escape", at);
    else at++;
  }
  scan.end = at;
  scan.escaped = escaped;
}

/** The bytes that a scanned string literal stands for: a view of `bytes` where nothing was escaped. */
export function stringBytes(bytes: Uint8Array, start: number, end: number, escaped: boolean): Uint8Array {
  if (!escaped) return bytes.subarray(start, end);
  const out = new Uint8Array(end - start);
  let length = 0;
  for (let at = start; at < end; ) {
    const byte = bytes[at] ?? 0;
    if (byte !== BACKSLASH) {
      out[length++] = byte;
      at++;
    } else if (bytes[at + 1] === LOWER_U) {
      let point = hex4(bytes, at);
      at += 6;
      if (isHighSurrogate(point)) {
        point = 0x10000 + ((point - 0xd800) << 10) + (hex4(bytes, at) - 0xdc00);
        at += 6;
      }
      length = putUtf8(out, length, point);
    } else {
      out[length++] = ESCAPES[bytes[at + 1] ?? 0] ?? 0;
      at += 2;
    }
  }
  return out.subarray(0, length);
}

/** Past one escape sequence. An error names the offset of its backslash. */
function escapeEnd(bytes: Uint8Array, backslash: number): number {
  const letter = bytes[backslash + 1] ?? 0;
  if (letter !== LOWER_U) {
    if (ESCAPES[letter] === undefined) throw parseError("escape", backslash);
    return backslash + 2;
  }
  const point = hex4(bytes, backslash);
  if (Number.isNaN(point)) throw parseError("hex", backslash);
  if (!isHighSurrogate(point)) return backslash + 6;
  if (bytes[backslash + 6] !== BACKSLASH || bytes[backslash + 7] !== LOWER_U) throw parseError("surrogate", backslash);
  const low = hex4(bytes, backslash + 6);
  if (Number.isNaN(low)) throw parseError("hex", backslash);
  if (low < 0xdc00 || low > 0xdfff) throw parseError("surrogate", backslash);
  return backslash + 12;
}

function isHighSurrogate(point: number): boolean {
  return point >= 0xd800 && point <= 0xdbff;
}

/** The number that the four digits of a `\uXXXX` at `backslash` make, or NaN. */
function hex4(bytes: Uint8Array, backslash: number): number {
  let point = 0;
  for (let at = backslash + 2; at < backslash + 6; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x30 && byte <= 0x39) point = point * 16 + byte - 0x30;
    else if ((byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)) point = point * 16 + (byte & 0xf) + 9;
    else return Number.NaN;
  }
  return point;
}

/** A code point as UTF-8; a lone low surrogate takes three bytes, as RapidJSON writes it. */
function putUtf8(out: Uint8Array, at: number, point: number): number {
  if (point < 0x80) {
    out[at] = point;
    return at + 1;
  }
  if (point < 0x800) {
    out[at] = 0xc0 | (point >> 6);
    out[at + 1] = 0x80 | (point & 0x3f);
    return at + 2;
  }
  if (point < 0x10000) {
    out[at] = 0xe0 | (point >> 12);
    out[at + 1] = 0x80 | ((point >> 6) & 0x3f);
    out[at + 2] = 0x80 | (point & 0x3f);
    return at + 3;
  }
  out[at] = 0xf0 | (point >> 18);
  out[at + 1] = 0x80 | ((point >> 12) & 0x3f);
  out[at + 2] = 0x80 | ((point >> 6) & 0x3f);
  out[at + 3] = 0x80 | (point & 0x3f);
  return at + 4;
}
