import { parseRequestBody, readPredictInputs, writePredictAnswer } from "../../protocol/rest/index.ts";

export interface Check {
  readonly count: number;
  /** How many lay exactly between two results. */
  readonly ties: number;
  readonly wrong: number;
}

const BATCH = 10_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Reads seeded texts as float32 and compares each with its value by exact arithmetic: the nearest double, narrowed. A third
 * are midpoints of two neighbouring floats in all their digits, or those with the last digit changed.
 */
export function checkParsing(count: number, random: () => number): Check {
  let ties = 0;
  let wrong = 0;
  for (let done = 0; done < count; done += BATCH) {
    const texts = Array.from({ length: Math.min(BATCH, count - done) }, () => {
      const kind = Math.floor(random() * 6);
      if (kind > 1) return someText(kind, random);
      const { digits, power } = midpoint(anyFloat(random));
      const change = kind === 0 ? 0n : BigInt(Math.floor(random() * 3) - 1);
      if (change === 0n) ties++;
      return `${digits + change}e${power}`;
    });
    const body = encoder.encode(`{"instances":[${texts.join(",")}]}`);
    const { data = [] } = readPredictInputs(parseRequestBody(body), { x: { dtype: "float32" } }).tensors["x"] ?? {};
    texts.forEach((text, index) => {
      if (!Object.is(data[index], Math.fround(exactDouble(text)))) wrong++;
    });
  }
  return { count, ties, wrong };
}

/**
 * Prints seeded floats and compares each text with `%.6g`, or `%.9g` where that does not read back, by exact arithmetic. A
 * third lie exactly between two decimals of nine digits.
 */
export function checkPrinting(count: number, random: () => number): Check {
  let ties = 0;
  let wrong = 0;
  for (let done = 0; done < count; done += BATCH) {
    const values = Float32Array.from({ length: Math.min(BATCH, count - done) }, () => {
      const kind = Math.floor(random() * 6);
      if (kind > 1) return kind === 2 ? Number((random() * 1000).toPrecision(6)) : kind === 3 ? random() : anyFloat(random);
      ties++;
      return decimalTie(random);
    });
    const body = decoder.decode(writePredictAnswer({ y: { dtype: "float32", shape: [values.length], data: values } }, "row"));
    const texts = body.slice(body.indexOf("[") + 1, body.lastIndexOf("\n    ]")).split(", ");
    values.forEach((value, index) => {
      if (texts[index] !== exactText(value)) wrong++;
    });
  }
  return { count, ties, wrong };
}

function someText(kind: number, random: () => number): string {
  if (kind === 2) return random().toPrecision(17);
  if (kind === 3) return ((random() - 0.5) * 1000).toPrecision(1 + Math.floor(random() * 20));
  if (kind === 4) return String(anyFloat(random));
  return anyFloat(random).toExponential(Math.floor(random() * 20));
}

const scratch = new DataView(new ArrayBuffer(8));

/** Any finite float32 that is not 0, all bit patterns alike. */
function anyFloat(random: () => number): number {
  for (;;) {
    scratch.setUint32(0, Math.floor(random() * 2 ** 32));
    const value = scratch.getFloat32(0);
    if (Number.isFinite(value) && value !== 0) return value;
  }
}

/** A float with ten significant digits, the last a 5: a whole number of `places` fewer digits than six, and an odd number of 2^-places. */
function decimalTie(random: () => number): number {
  const places = 3 + Math.floor(random() * 6);
  const least = 10 ** (9 - places);
  const most = Math.min(10 * least, 2 ** (24 - places));
  const whole = least + Math.floor(random() * (most - least));
  return whole + (2 * Math.floor(random() * 2 ** (places - 1)) + 1) / 2 ** places;
}

/** The number half-way between a float32 and the next one away from 0, as an integer times a power of ten. */
function midpoint(value: number): { readonly digits: bigint; readonly power: number } {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const biased = (bits >>> 23) & 0xff;
  const significand = (BigInt(bits & 0x7fffff) | (biased === 0 ? 0n : 0x800000n)) * 2n + 1n;
  const twos = Math.max(biased, 1) - 151;
  const sign = bits >>> 31 === 1 ? -1n : 1n;
  return twos >= 0 ? { digits: sign * (significand << BigInt(twos)), power: 0 } : { digits: sign * significand * 5n ** BigInt(-twos), power: twos };
}

/** The double nearest to a decimal text (of two, the even one), by integers alone. */
function exactDouble(text: string): number {
  const [mantissa = "", exponent = "0"] = text.split("e");
  const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".");
  const power = Number(exponent) - fraction.length;
  const numerator = BigInt(whole + fraction) * 10n ** BigInt(Math.max(power, 0));
  const denominator = 10n ** BigInt(Math.max(-power, 0));
  const shift = Math.max(0, 72 + bitLength(denominator) - bitLength(numerator));
  const shifted = numerator << BigInt(shift);
  const quotient = shifted / denominator;
  const sticky = quotient * denominator === shifted ? 0n : 1n;
  const value = Number((quotient << 1n) | sticky) * 2 ** -(shift + 1);
  return text.startsWith("-") ? -value : value;
}

/** At least the number of bits, and at most four more. */
function bitLength(value: bigint): number {
  return value.toString(16).length * 4;
}

function exactText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const short = exactG(value, 6);
  const text = Math.fround(exactDouble(short)) === value ? short : exactG(value, 9);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** C's `%.{precision}g`, by integers alone. */
function exactG(value: number, precision: number): string {
  scratch.setFloat64(0, Math.abs(value));
  const bits = scratch.getBigUint64(0);
  const twos = Number(bits >> 52n) - 1075;
  const significand = (bits & (2n ** 52n - 1n)) | 2n ** 52n;
  const numerator = significand << BigInt(Math.max(twos, 0));
  const denominator = 1n << BigInt(Math.max(-twos, 0));
  const most = 10n ** BigInt(precision);
  for (let exponent = Math.floor(Math.log10(Math.abs(value))) - 1; ; exponent++) {
    const power = exponent - precision + 1;
    const scaledUp = numerator * 10n ** BigInt(Math.max(-power, 0));
    const scaledDown = denominator * 10n ** BigInt(Math.max(power, 0));
    let digits = scaledUp / scaledDown;
    const twice = 2n * (scaledUp % scaledDown);
    if (twice > scaledDown || (twice === scaledDown && digits % 2n === 1n)) digits++;
    if (digits < most) return layOut(value < 0, String(digits).replace(/0+$/, ""), exponent, precision);
  }
}

function layOut(negative: boolean, digits: string, exponent: number, precision: number): string {
  const sign = negative ? "-" : "";
  if (exponent >= precision || exponent < -4) {
    const power = `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
    return `${sign}${digits.slice(0, 1)}${digits.length > 1 ? "." : ""}${digits.slice(1)}e${power}`;
  }
  const padded = digits.padStart(digits.length + Math.max(0, -exponent), "0");
  const point = Math.max(exponent, 0) + 1;
  const whole = padded.slice(0, point).padEnd(point, "0");
  return padded.length > point ? `${sign}${whole}.${padded.slice(point)}` : `${sign}${whole}`;
}
