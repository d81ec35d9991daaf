/** The kinds of payload in protobuf's wire format that are still written; groups (3, 4) are not. */
export const WIRE = { varint: 0, eightBytes: 1, delimited: 2, fourBytes: 5 } as const;

/** One field of a message in protobuf's wire format, read where it lies. */
export class WireField {
  number = 0;
  type: number = WIRE.varint;
  /** Where its payload begins and ends. */
  from = 0;
  to = 0;

  /** Reads the field at `at`. Where the next one begins; -1 where the bytes up to `end` hold no whole field. */
  read(bytes: Uint8Array, at: number, end: number): number {
    const tagEnd = varintEnd(bytes, at, end);
    const tag = varintValue(bytes, at, tagEnd);
    this.number = Math.floor(tag / 8);
    this.type = tag % 8;
    if (this.number === 0) return -1;
    this.from = tagEnd;
    switch (this.type) {
      case WIRE.varint:
        this.to = varintEnd(bytes, tagEnd, end);
        break;
      case WIRE.eightBytes:
        this.to = tagEnd + 8;
        break;
      case WIRE.fourBytes:
        this.to = tagEnd + 4;
        break;
      case WIRE.delimited:
        this.from = varintEnd(bytes, tagEnd, end);
        if (this.from < 0) return -1;
        this.to = this.from + varintValue(bytes, tagEnd, this.from);
        break;
      default:
        return -1;
    }
    return this.to <= end ? this.to : -1;
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
