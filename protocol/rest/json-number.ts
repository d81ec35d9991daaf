import { parseError } from "./parse-error.ts";
import { quickSignificand } from "./quick-double.ts";

/** Where a scanned literal ends, and whether it is an integer: no `.`, no exponent, fits uint64 (or int64 if negative). */
export interface NumberScan {
  end: number;
  integer: boolean;
}

const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const LOWER_E = 0x65;
const UPPER_E = 0x45;

const UINT64_MAX = 2n ** 64n - 1n;
const INT64_MIN = -(2n ** 63n);
const LARGEST_EXPONENT = 308;
/** The largest double divided by ten: RapidJSON takes no further whole digit past it. */
const WHOLE_LIMIT = Number.MAX_VALUE / 10;

/**
 * One number literal of any length as RapidJSON scans it: its class and its end. `NaN`, `Inf` and `Infinity` are numbers.
 * @throws INVALID_ARGUMENT, with RapidJSON's text and the byte offset
 */
export function scanNumber(bytes: Uint8Array, start: number, scan: NumberScan): void {
  const negative = bytes[start] === MINUS;
  const whole = negative ? start + 1 : start;
  if (!isDigit(bytes[whole])) {
    scan.end = scanNotFinite(bytes, whole);
    scan.integer = false;
    return;
  }
  let at = bytes[whole] === ZERO ? whole + 1 : digitsEnd(bytes, whole);
  const wholeEnd = at;
  const fits = wholeEnd - whole <= 18 || fits64Bits(bytes, start, wholeEnd);
  if (wholeEnd - whole > LARGEST_EXPONENT && Number(asciiText(bytes, whole, wholeEnd - 1)) >= WHOLE_LIMIT) throw parseError("tooBig", start);

  let integer = fits;
  if (bytes[at] === POINT) {
    if (!isDigit(bytes[at + 1])) throw parseError("fraction", at + 1);
    at = digitsEnd(bytes, at + 1);
    integer = false;
  }
  const fractionEnd = at;
  if (bytes[at] === LOWER_E || bytes[at] === UPPER_E) {
    const sign = bytes[at + 1];
    const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1;
    if (!isDigit(bytes[digits])) throw parseError("exponent", digits);
    at = digitsEnd(bytes, digits);
    integer = false;
    const exponent = sign === MINUS ? 0 : Number(asciiText(bytes, digits, at));
    if (exponent > LARGEST_EXPONENT) {
      // Each fraction digit that RapidJSON takes into its significand lets the exponent be one larger.
      const { taken } = quickSignificand(negative, asciiText(bytes, whole, wholeEnd), asciiText(bytes, wholeEnd + 1, fractionEnd));
      if (exponent > LARGEST_EXPONENT + taken) throw parseError("tooBig", start);
    }
  }
  scan.end = at;
  scan.integer = integer;
}

/** The value of a scanned literal as a double, correctly rounded; the integer `-0` is 0. */
export function numberValue(text: string): number {
  if (text.endsWith("N")) return Number.NaN;
  if (text.includes("I")) return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return text === "-0" ? 0 : Number(text);
}

/** A short run of ASCII bytes as text. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] ?? 0);
  return text;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

function digitsEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while (isDigit(bytes[at])) at++;
  return at;
}

function scanNotFinite(bytes: Uint8Array, start: number): number {
  if (bytes[start] === 0x4e) return scanWord(bytes, start, "NaN");
  const end = scanWord(bytes, start, "Inf");
  return bytes[end] === 0x69 ? scanWord(bytes, end, "inity") : end;
}

function scanWord(bytes: Uint8Array, start: number, word: string): number {
  for (let index = 0; index < word.length; index++) {
    if (bytes[start + index] !== word.charCodeAt(index)) throw parseError("value", start + index);
  }
  return start + word.length;
}

function fits64Bits(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 20) return false;
  const value = BigInt(asciiText(bytes, start, end));
  return value >= INT64_MIN && value <= UINT64_MAX;
}
