import { ByteWriter } from "./byte-writer.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** A byte that is not UTF-8 stands as the lone low surrogate U+DC00 + byte, which no UTF-8 makes. */
const RAW = 0xdc00;

/** Bytes as text of which {@link rawBytes} makes the same bytes again, valid UTF-8 or not. */
export function rawText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return textAroundRaw(bytes);
  }
}

export function rawBytes(text: string): Uint8Array<ArrayBuffer> {
  // With `u`, a low surrogate that has its high one is no match.
  const pieces = text.split(/([\udc80-\udcff])/u);
  if (pieces.length === 1) return encoder.encode(text);
  const out = new ByteWriter(text.length * 2);
  pieces.forEach((piece, index) => {
    if (index % 2 === 1) out.byte(piece.charCodeAt(0) - RAW);
    else out.raw(encoder.encode(piece));
  });
  return out.finish();
}

export function isUtf8(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function textAroundRaw(bytes: Uint8Array): string {
  const pieces: string[] = [];
  let start = 0;
  for (let at = 0; at <= bytes.length; ) {
    const length = at === bytes.length ? 0 : characterLength(bytes, at);
    if (length === 0) {
      pieces.push(decoder.decode(bytes.subarray(start, at)));
      if (at < bytes.length) pieces.push(String.fromCharCode(RAW + (bytes[at] ?? 0)));
      start = at + 1;
    }
    at += Math.max(length, 1);
  }
  return pieces.join("");
}

/** How many bytes the UTF-8 character at `at` has; 0 where there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  for (let next = 1; next < length; next++) if (((bytes[at + next] ?? 0) & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1] ?? 0;
  // Overlong forms, surrogates, and what is beyond U+10FFFF.
  const isOut = (lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f) || (lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f);
  return isOut ? 0 : length;
}
