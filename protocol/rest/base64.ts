const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PAD = 0x3d;
const DOT = 0x2e;

const CODE_OF = new Uint8Array(64);
const VALUE_OF = new Int8Array(256).fill(-1);
for (let value = 0; value < 64; value++) {
  const code = ALPHABET.charCodeAt(value);
  CODE_OF[value] = code;
  VALUE_OF[code] = value;
}

/**
 * Base64 as `absl::Base64Unescape` reads it: the standard alphabet, ASCII white space passed over, padding (`=`, or `.`)
 * optional but right in number where present. Undefined where it is not that.
 */
export function decodeBase64(text: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const out = new Uint8Array(Math.ceil((text.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let held = 0;
  let at = 0;
  for (; at < text.length; at++) {
    const byte = text[at] ?? 0;
    const value = VALUE_OF[byte] ?? -1;
    if (value >= 0) {
      bits = ((bits << 6) | value) & 0xffffff;
      held++;
      if (held === 4) {
        out[length] = bits >> 16;
        out[length + 1] = bits >> 8;
        out[length + 2] = bits;
        length += 3;
        held = 0;
      }
    } else if (byte === PAD || byte === DOT) break;
    else if (!isSpace(byte)) return undefined;
  }
  let pads = 0;
  for (; at < text.length; at++) {
    const byte = text[at] ?? 0;
    if (byte === PAD || byte === DOT) pads++;
    else if (!isSpace(byte)) return undefined;
  }
  if (held === 1 || (pads !== 0 && pads !== (4 - held) % 4)) return undefined;
  if (held === 2) out[length++] = bits >> 4;
  if (held === 3) {
    out[length++] = bits >> 10;
    out[length++] = bits >> 2;
  }
  return out.subarray(0, length);
}

/** Standard base64 with padding, as ASCII bytes. */
export function encodeBase64(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const bits = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    out[length] = CODE_OF[bits >> 18] ?? PAD;
    out[length + 1] = CODE_OF[(bits >> 12) & 63] ?? PAD;
    out[length + 2] = left > 1 ? (CODE_OF[(bits >> 6) & 63] ?? PAD) : PAD;
    out[length + 3] = left > 2 ? (CODE_OF[bits & 63] ?? PAD) : PAD;
    length += 4;
  }
  return out;
}

/** `absl::ascii_isspace`. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
