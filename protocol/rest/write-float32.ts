import { formatDecimal } from "./format-g.ts";

/** No float32 takes more bytes in TensorFlow Serving's form. */
export const FLOAT32_BYTES = 24;

const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const POWERS = Float64Array.from({ length: 54 }, (_, power) => Number(`1e${power}`));
/** Up to this power the product of a float32 and a power of ten is exact in a double: 24 bits and those of 5^12. */
const EXACT_POWER = 12;
const LARGEST_EXACT_TEN = 22;
/** An inexact product is off by less than this; where it lies as near to a tie, the slow way decides. */
const DOUBT = 1e-6;

/** For each biased exponent, the power of ten that takes 2^exponent to at least 1e8 and less than 1e9. */
const SCALE = Int8Array.from({ length: 256 }, (_, biased) => {
  let power = 8 - Math.floor((biased - 127) * Math.log10(2));
  while (2 ** (biased - 127) * 10 ** power >= 1e9) power--;
  while (2 ** (biased - 127) * 10 ** power < 1e8) power++;
  return power;
});

/** Three decimal digits of every number below 1000. */
const TRIPLES = Uint8Array.from({ length: 3000 }, (_, index) => ZERO + (Math.floor(index / 3 / 10 ** (2 - (index % 3))) % 10));

/**
 * Writes a float32 as {@link formatDecimal} prints it, byte for byte.
 * @param bits its IEEE 754 bits
 * @param at where; {@link FLOAT32_BYTES} must be free there
 * @returns the offset after it
 */
export function writeFloat32(bytes: Uint8Array, at: number, value: number, bits: number): number {
  const biased = (bits >>> 23) & 0xff;
  let x = value;
  if (bits < 0 || bits > 0x7fffffff) {
    if (biased === 0xff) return writeAscii(bytes, at, formatDecimal(value, "float32"));
    bytes[at++] = MINUS;
    x = -value;
  }
  if (biased === 0 || biased === 0xff) return writeAscii(bytes, at, formatDecimal(x, "float32"));

  // x × 10^power, from 1e8 to 1e9: its whole part has the nine digits.
  let power = SCALE[biased] ?? 0;
  let scaled = scale(x, power);
  if (scaled >= 1e9) scaled = scale(x, --power);
  const exact = power >= 0 && power <= EXACT_POWER;
  let nine = Math.floor(scaled);
  const rest = scaled - nine;
  if (!exact && rest > 0.5 - DOUBT && rest < 0.5 + DOUBT) return writeAscii(bytes, at, formatDecimal(x, "float32"));
  if (rest > 0.5 || (rest === 0.5 && (nine & 1) === 1)) nine++;

  let six = Math.floor(nine / 1000);
  const below = nine - six * 1000;
  if (below > 500) six++;
  else if (below === 500) {
    if (!exact && Math.abs(scaled - nine) < DOUBT) return writeAscii(bytes, at, formatDecimal(x, "float32"));
    if (scaled > nine || (scaled === nine && (six & 1) === 1)) six++;
  }
  // Only a decimal within half a unit in the last place, at most 60 here, can read back.
  let precision = 9;
  if (below <= 60 || below >= 940) {
    const tens = power - 3;
    if (tens > LARGEST_EXACT_TEN || tens < -LARGEST_EXACT_TEN) return writeAscii(bytes, at, formatDecimal(x, "float32"));
    const readBack = tens >= 0 ? six / (POWERS[tens] ?? 1) : six * (POWERS[-tens] ?? 1);
    if (Math.fround(readBack) === x) {
      precision = 6;
      nine = six * 1000;
    }
  }
  let exponent = 8 - power;
  if (nine === 1e9) {
    nine = 1e8;
    exponent++;
  }
  return writeDigits(bytes, at, nine, exponent, precision);
}

function scale(x: number, power: number): number {
  return power >= 0 ? x * (POWERS[power] ?? 1) : x / (POWERS[-power] ?? 1);
}

/** Nine digits, their trailing zeros left out, in the form that `%.{precision}g` gives that exponent. */
function writeDigits(bytes: Uint8Array, start: number, nine: number, exponent: number, precision: number): number {
  let at = start;
  if (exponent < 0 && exponent >= -4) {
    bytes[at] = ZERO;
    bytes[at + 1] = POINT;
    at += 2;
    for (let zeros = exponent + 1; zeros < 0; zeros++) bytes[at++] = ZERO;
    putNine(bytes, at, nine);
    return afterZeros(bytes, at + 9);
  }
  const plain = exponent >= 0 && exponent < precision;
  const whole = plain ? exponent + 1 : 1;
  putNine(bytes, at + 1, nine);
  for (let digit = 0; digit < whole; digit++) bytes[at + digit] = bytes[at + digit + 1] ?? ZERO;
  bytes[at + whole] = POINT;
  at = afterZeros(bytes, at + 10);
  if (plain) {
    if (bytes[at - 1] === POINT) bytes[at++] = ZERO;
    return at;
  }
  if (bytes[at - 1] === POINT) at--;
  const size = Math.abs(exponent);
  bytes[at] = 0x65;
  bytes[at + 1] = exponent < 0 ? MINUS : 0x2b;
  bytes[at + 2] = ZERO + Math.floor(size / 10);
  bytes[at + 3] = ZERO + (size % 10);
  return at + 4;
}

function putNine(bytes: Uint8Array, at: number, nine: number): void {
  const thousands = (nine / 1000) | 0;
  const high = ((thousands / 1000) | 0) * 3;
  const middle = (thousands % 1000) * 3;
  const low = (nine - thousands * 1000) * 3;
  bytes[at] = TRIPLES[high] ?? ZERO;
  bytes[at + 1] = TRIPLES[high + 1] ?? ZERO;
  bytes[at + 2] = TRIPLES[high + 2] ?? ZERO;
  bytes[at + 3] = TRIPLES[middle] ?? ZERO;
  bytes[at + 4] = TRIPLES[middle + 1] ?? ZERO;
  bytes[at + 5] = TRIPLES[middle + 2] ?? ZERO;
  bytes[at + 6] = TRIPLES[low] ?? ZERO;
  bytes[at + 7] = TRIPLES[low + 1] ?? ZERO;
  bytes[at + 8] = TRIPLES[low + 2] ?? ZERO;
}

function afterZeros(bytes: Uint8Array, end: number): number {
  let at = end;
  while (bytes[at - 1] === ZERO) at--;
  return at;
}

function writeAscii(bytes: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) bytes[at + index] = text.charCodeAt(index);
  return at + text.length;
}
