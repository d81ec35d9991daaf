/**
 * A finite double as RapidJSON prints it (`internal/dtoa.h`, v1.1.0): plain up to 21 whole digits and five zeros after the
 * point, `.0` behind a whole number, exponents without `+` or padding.
 */
export function shortestDouble(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const sign = value < 0 ? "-" : "";
  const { digits, power } = grisu2(Math.abs(value));
  const point = digits.length + power;
  if (power >= 0 && point <= 21) return `${sign}${digits.padEnd(point, "0")}.0`;
  if (point > 0 && point <= 21) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  if (point > -6 && point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.slice(0, 1)}${digits.length > 1 ? `.${digits.slice(1)}` : ""}e${point - 1}`;
}

/** f × 2^e */
interface Scaled {
  readonly f: bigint;
  readonly e: number;
}

const HIDDEN_BIT = 2n ** 52n;

/**
 * Digits that read back to the number: nearly always the fewest, and of those nearly always the nearest, as Florian
 * Loitsch's Grisu2 finds them with 64 bits ("Printing floating-point numbers quickly and accurately with integers", 2010).
 */
function grisu2(value: number): { readonly digits: string; readonly power: number } {
  const v = split(value);
  const plus = normalize({ f: 2n * v.f + 1n, e: v.e - 1 });
  const below = v.f === HIDDEN_BIT ? { f: 4n * v.f - 1n, e: v.e - 2 } : { f: 2n * v.f - 1n, e: v.e - 1 };
  const minus = { f: below.f << BigInt(below.e - plus.e), e: plus.e };

  const tens = -348 + 8 * (Math.floor(Math.ceil((-61 - plus.e) * 0.30102999566398114 + 347) / 8) + 1);
  const scale = powerOfTen(tens);
  const upper = multiply(plus, scale).f - 1n;
  const width = upper - (multiply(minus, scale).f + 1n);
  const toUpper = upper - multiply(normalize(v), scale).f;
  const shift = BigInt(-(plus.e + scale.e + 64));

  // Digits of the upper bound, until what is left of it is within the width.
  const whole = upper >> shift;
  let rest = upper & ((1n << shift) - 1n);
  const wholeText = String(whole);
  let digits = "";
  for (let kappa = wholeText.length - 1; kappa >= 0; kappa--) {
    digits += wholeText.charAt(wholeText.length - 1 - kappa);
    const unit = 10n ** BigInt(kappa) << shift;
    const left = ((whole << shift) + rest) % unit;
    if (left <= width) return { digits: roundDown(digits, width, left, unit, toUpper), power: kappa - tens };
  }
  let scaledWidth = width;
  for (let index = 1; ; index++) {
    rest *= 10n;
    scaledWidth *= 10n;
    digits += String(rest >> shift);
    rest &= (1n << shift) - 1n;
    if (rest < scaledWidth) {
      const distance = index < 9 ? toUpper * 10n ** BigInt(index) : 0n;
      return { digits: roundDown(digits, scaledWidth, rest, 1n << shift, distance).replace(/^0+/, ""), power: -index - tens };
    }
  }
}

/** The last digit lowered while that stays inside the bounds and comes nearer to the number. */
function roundDown(digits: string, width: bigint, left: bigint, unit: bigint, distance: bigint): string {
  let last = digits.charCodeAt(digits.length - 1);
  let at = left;
  while (at < distance && width - at >= unit && (at + unit < distance || distance - at > at + unit - distance)) {
    last--;
    at += unit;
  }
  return digits.slice(0, -1) + String.fromCharCode(last);
}

function split(value: number): Scaled {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const f = bits & (HIDDEN_BIT - 1n);
  return biased === 0 ? { f, e: -1074 } : { f: f + HIDDEN_BIT, e: biased - 1075 };
}

/** The same number with a 64-bit significand, the highest bit set. */
function normalize({ f, e }: Scaled): Scaled {
  const shift = 64 - f.toString(2).length;
  return { f: f << BigInt(shift), e: e - shift };
}

function multiply(a: Scaled, b: Scaled): Scaled {
  return { f: (a.f * b.f + (1n << 63n)) >> 64n, e: a.e + b.e + 64 };
}

/** A power of ten rounded to 64 bits. */
function powerOfTen(power: number): Scaled {
  const extra = 1200;
  const exact = power >= 0 ? 10n ** BigInt(power) << BigInt(extra) : (1n << BigInt(2 * extra)) / 10n ** BigInt(-power);
  const shift = exact.toString(2).length - 64;
  return { f: ((exact >> BigInt(shift - 1)) + 1n) >> 1n, e: shift - (power >= 0 ? extra : 2 * extra) };
}
