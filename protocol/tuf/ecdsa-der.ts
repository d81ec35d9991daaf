/**
 * ECDSA signatures travel as DER (`SEQUENCE { INTEGER r, INTEGER s }`, RFC 3279 2.2.3); WebCrypto knows only r and s side by
 * side, each of `width` bytes (32 on P-256).
 */
export function rawOfDer(der: Uint8Array, width: number): Uint8Array<ArrayBuffer> | undefined {
  // Both integers fit in one-byte lengths up to P-384; anything longer is not a signature of ours.
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 127 + 2) return undefined;
  const raw = new Uint8Array(2 * width);
  let at = 2;
  for (const end of [width, 2 * width]) {
    const length = der[at + 1];
    if (der[at] !== 0x02 || length === undefined || length === 0) return undefined;
    const integer = der.subarray(at + 2, at + 2 + length);
    const digits = integer[0] === 0 ? integer.subarray(1) : integer;
    // DER has one form only: as short as can be, and never negative.
    const shortest = integer[0] !== 0 || length === 1 || (integer[1] ?? 0) >= 0x80;
    if (integer.length !== length || digits.length > width || (integer[0] ?? 0) >= 0x80 || !shortest) return undefined;
    raw.set(digits, end - digits.length);
    at += 2 + length;
  }
  return at === der.length ? raw : undefined;
}

export function derOfRaw(raw: Uint8Array): Uint8Array<ArrayBuffer> {
  const half = raw.length / 2;
  const body = [...integer(raw.subarray(0, half)), ...integer(raw.subarray(half))];
  return Uint8Array.of(0x30, body.length, ...body);
}

function integer(bytes: Uint8Array): number[] {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? [0] : [...bytes.subarray(first)];
  if ((digits[0] ?? 0) >= 0x80) digits.unshift(0);
  return [0x02, digits.length, ...digits];
}
