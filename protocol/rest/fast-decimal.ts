const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const LOWER_E = 0x65;
const CASE_BIT = 0x20;

/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
const LARGEST_POWER = 22;

/**
 * The quick way from the common decimal literals to their doubles. Up to 15 digits times or through an exact power of ten is
 * one exact operation, so its rounding is right. A longer literal lies between its first digits w and w + 1; where both
 * round to one float32, so does the literal, because rounding is monotone. What is neither takes the slow way.
 */
export class FastDecimal {
  /** After {@link read}: the byte after the literal. */
  end = 0;
  /** After {@link read}: whether the result is the nearest double, or only rounds to the right float32. */
  exact = true;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * The absolute value of a literal, or NaN where the slow way must read it.
   * @param start of what follows its whole digits: a `.` or an `e`
   * @param whole the number that those digits make
   */
  read(start: number, whole: number, wholeDigits: number): number {
    const bytes = this.#bytes;
    if (wholeDigits > 7) return Number.NaN;
    let at = start;
    let byte = bytes[at] ?? 0;
    // The significand is the whole, then up to eight and up to four digits of the fraction: with them, at most 15.
    let middle = 0;
    let middleDigits = 0;
    let tail = 0;
    let tailDigits = 0;
    let longer = false;
    if (byte === POINT) {
      at++;
      for (; middleDigits < 8 && at + 4 <= bytes.length; middleDigits += 4, at += 4) {
        const four = fourDigits(this.#view.getUint32(at, true));
        if (four < 0) break;
        middle = Math.imul(middle, 10_000) + four;
      }
      byte = bytes[at] ?? 0;
      for (; middleDigits < 8 && byte >= ZERO && byte <= NINE; middleDigits++) {
        middle = Math.imul(middle, 10) + byte - ZERO;
        byte = bytes[++at] ?? 0;
      }
      const tailRoom = wholeDigits <= 3 ? 4 : 0;
      for (; tailDigits < tailRoom && byte >= ZERO && byte <= NINE; tailDigits++) {
        tail = Math.imul(tail, 10) + byte - ZERO;
        byte = bytes[++at] ?? 0;
      }
      for (; byte >= ZERO && byte <= NINE; byte = bytes[++at] ?? 0) longer = true;
      if (middleDigits === 0) return Number.NaN;
    }
    let power = -(middleDigits + tailDigits);
    if ((byte | CASE_BIT) === LOWER_E) {
      byte = bytes[++at] ?? 0;
      const minus = byte === MINUS;
      if (minus || byte === PLUS) byte = bytes[++at] ?? 0;
      const exponentAt = at;
      let exponent = 0;
      for (; byte >= ZERO && byte <= NINE; byte = bytes[++at] ?? 0) exponent = (Math.imul(exponent, 10) + byte - ZERO) | 0;
      if (at === exponentAt || at > exponentAt + 3) return Number.NaN;
      power += minus ? -exponent : exponent;
      if (power > LARGEST_POWER || power < -LARGEST_POWER) return Number.NaN;
    }
    this.end = at;
    this.exact = !longer;
    const significand = (whole * (POWERS[middleDigits] ?? 1) + middle) * (POWERS[tailDigits] ?? 1) + tail;
    const value = scale(significand, power);
    if (longer && Math.fround(value) !== Math.fround(scale(significand + 1, power))) return Number.NaN;
    return value;
  }
}

function scale(significand: number, power: number): number {
  return power <= 0 ? significand / (POWERS[-power] ?? 1) : significand * (POWERS[power] ?? 1);
}

/** The number that four bytes of ASCII digits make, the first in the lowest byte; negative where one is no digit. */
function fourDigits(word: number): number {
  const digits = word ^ 0x30303030;
  if ((((digits + 0x76767676) | digits) & 0x80808080) !== 0) return -1;
  const pairs = (Math.imul(digits, 10) + (digits >>> 8)) & 0x00ff00ff;
  return (Math.imul(pairs, 100) + (pairs >>> 16)) & 0xffff;
}
