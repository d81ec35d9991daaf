const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** A byte that is not UTF-8 stands as the lone low surrogate U+DC00 + byte, which no UTF-8 makes. */
const RAW = 0xdc00;
/** Arguments that any engine takes in one call. */
const CHUNK = 4_096;

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
  if (!/[\udc80-\udcff]/u.test(text)) return encoder.encode(text);
  const out = new Uint8Array(3 * text.length);
  let length = 0;
  for (let at = 0; at < text.length; ) {
    const end = rawAfter(text, at);
    if (end > at) length += encoder.encodeInto(text.slice(at, end), out.subarray(length)).written;
    if (end < text.length) out[length++] = text.charCodeAt(end) - RAW;
    at = end + 1;
  }
  return out.subarray(0, length);
}

/** Where the next raw byte stands; at the end if there is none. */
function rawAfter(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= RAW + 0x80 && unit <= RAW + 0xff) return at;
    const isPair = unit >= 0xd800 && unit <= 0xdbff && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
    if (isPair) at++;
  }
  return text.length;
}

export function isUtf8(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Character by character, in memory of the bytes' own order, however many of them are raw. */
function textAroundRaw(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.length);
  let count = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    const lead = bytes[at] ?? 0;
    let point = length === 0 ? RAW + lead : length === 1 ? lead : lead & (0xff >> (length + 1));
    for (let next = 1; next < length; next++) point = (point << 6) | ((bytes[at + next] ?? 0) & 0x3f);
    if (point > 0xffff) {
      units[count++] = 0xd7c0 + (point >> 10);
      point = 0xdc00 | (point & 0x3ff);
    }
    units[count++] = point;
    at += Math.max(length, 1);
  }
  let text = "";
  for (let from = 0; from < count; from += CHUNK) text += String(Reflect.apply(String.fromCharCode, undefined, units.subarray(from, Math.min(from + CHUNK, count))));
  return text;
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
