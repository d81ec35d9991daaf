const POLYNOMIAL = 0x82f63b78;
/** Eight tables, so that eight bytes go in at a time: `TABLES[256 * k + b]` is byte b followed by k zero bytes. */
const TABLES = tables();

function tables(): Uint32Array {
  const made = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    made[byte] = crc;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256] ?? 0;
    made[at] = (before >>> 8) ^ (made[before & 255] ?? 0);
  }
  return made;
}

/** CRC-32C (Castagnoli) of `bytes`, going on from `crc` of what stands before them. */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  const t = TABLES;
  let c = ~crc;
  let at = 0;
  // Every index is below the array's length, which the compiler cannot know: hence `| 0` all over, no branch in the machine code.
  for (const end = bytes.length - 7; at < end; at += 8) {
    const low = c ^ ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24));
    c =
      (t[1792 + (low & 255)] ?? 0) ^ (t[1536 + ((low >>> 8) & 255)] ?? 0) ^ (t[1280 + ((low >>> 16) & 255)] ?? 0) ^ (t[1024 + (low >>> 24)] ?? 0) ^
      (t[768 + (bytes[at + 4] ?? 0)] ?? 0) ^ (t[512 + (bytes[at + 5] ?? 0)] ?? 0) ^ (t[256 + (bytes[at + 6] ?? 0)] ?? 0) ^ (t[bytes[at + 7] ?? 0] ?? 0);
  }
  for (; at < bytes.length; at++) c = (c >>> 8) ^ (t[(c ^ (bytes[at] ?? 0)) & 255] ?? 0);
  return ~c >>> 0;
}

/** A CRC as LevelDB and TensorFlow store it, since the CRC of data that holds its own CRC is of little use. */
export function maskedCrc32c(bytes: Uint8Array, crc = 0): number {
  return mask(crc32c(bytes, crc));
}

function mask(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
