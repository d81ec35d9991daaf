/** The kinds of payload in protobuf's wire format that are still written; groups (3, 4) are not. */
export const WIRE = { varint: 0, eightBytes: 1, delimited: 2, fourBytes: 5 } as const;

/** Takes a field: its number, its kind of payload, and where that begins and ends. */
type TakeField = (number: number, type: number, from: number, to: number) => boolean;

/** Takes each field of a message in protobuf's wire format. False where the bytes are no whole fields, or one is not taken. */
export function eachField(bytes: Uint8Array, from: number, to: number, take: TakeField): boolean {
  for (let at = from; at < to; ) {
    const tagEnd = varintEnd(bytes, at, to);
    const tag = varintValue(bytes, at, tagEnd);
    if (tag < 8) return false;
    const type = tag % 8;
    const start = type === WIRE.delimited ? varintEnd(bytes, tagEnd, to) : tagEnd;
    const end = start < 0 ? -1 : payloadEnd(bytes, type, tagEnd, start, to);
    if (end < 0 || end > to || !take(Math.floor(tag / 8), type, start, end)) return false;
    at = end;
  }
  return true;
}

function payloadEnd(bytes: Uint8Array, type: number, tagEnd: number, start: number, to: number): number {
  switch (type) {
    case WIRE.varint:
      return varintEnd(bytes, start, to);
    case WIRE.eightBytes:
      return start + 8;
    case WIRE.delimited:
      return start + varintValue(bytes, tagEnd, start);
    case WIRE.fourBytes:
      return start + 4;
    default:
      return -1;
  }
}

/** Behind the varint at `at`; -1 where it does not end by `end`, or has more than ten bytes. */
export function varintEnd(bytes: Uint8Array, at: number, end: number): number {
  const most = Math.min(end, at + 10);
  for (let next = at; next < most; next++) if ((bytes[next] ?? 0) < 0x80) return next + 1;
  return -1;
}

/** A tag or a length: beyond 2^53 only large, not exact. 0 for no bytes. */
function varintValue(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let at = to - 1; at >= from; at--) value = value * 128 + ((bytes[at] ?? 0) & 0x7f);
  return value;
}

/** The 64 bits of a varint, low word first, into `words` at `place`. */
export function putVarint64(bytes: Uint8Array, from: number, to: number, words: Int32Array, place: number): void {
  let low = 0;
  let high = 0;
  for (let at = from; at < to; at++) {
    const shift = 7 * (at - from);
    const part = (bytes[at] ?? 0) & 0x7f;
    if (shift < 32) low |= part << shift;
    if (shift > 25) high |= shift < 32 ? part >> (32 - shift) : part << (shift - 32);
  }
  words[place] = low;
  words[place + 1] = high;
}
