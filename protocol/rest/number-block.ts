import { asciiText, numberValue, scanNumber } from "./json-number.ts";

/** An array of numbers, nested to one depth everywhere and of one size at each: `values[from … to)` in row-major order. */
export interface NumberBlock {
  readonly index: number;
  /** The byte after its closing bracket. */
  readonly end: number;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
  /** Every literal is an integer, and none is beyond ±(2^53 - 1). */
  readonly integers: boolean;
  /** Every value is the literal's correctly rounded double; otherwise only its rounding to float32 is right. */
  readonly exact: boolean;
}

const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const LOWER_E = 0x65;
const CASE_BIT = 0x20;

/** Powers of ten that a double holds exactly. */
const POWERS = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
/** Deeper arrays are read node by node. */
const DEEPEST = 32;
const LONGEST_WHOLE = 9;

/**
 * Reads arrays of numbers straight into one growing list, at the speed of their bytes. What is not a regular array of
 * numbers is left to the caller, and no byte is tried twice.
 */
export class NumberBlocks {
  readonly list: NumberBlock[] = [];
  values = new Float64Array(64);
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #used = 0;
  /** Where the last try gave up: an array that starts before is not regular, or lies in one that is not. */
  #gaveUpAt = 0;
  readonly #scan = { end: 0, integer: false };
  #integers = true;
  #exact = true;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * The block that starts at the `[` at `start`, or undefined if it is no regular array of numbers.
   * @throws INVALID_ARGUMENT where a number's literal is broken
   */
  read(start: number): NumberBlock | undefined {
    if (start < this.#gaveUpAt) return undefined;
    const bytes = this.#bytes;
    let at = start;
    let rank = 0;
    while (bytes[at] === OPEN && rank < DEEPEST) {
      rank++;
      at = afterSpace(bytes, at + 1);
    }
    const sizes: number[] = new Array<number>(rank).fill(-1);
    const counts: number[] = new Array<number>(rank).fill(0);
    const from = this.#used;
    this.#integers = true;
    this.#exact = true;
    for (;;) {
      const before = this.#used;
      at = this.#row(at);
      // Close the row, and each array around it that ends here.
      let level = rank - 1;
      let size = this.#used - before;
      for (;;) {
        if (bytes[at] !== CLOSE || (sizes[level] !== size && sizes[level] !== -1)) return this.#giveUp(at, from);
        sizes[level] = size;
        at++;
        if (level === 0) return this.#finish(at, from, sizes);
        level--;
        size = (counts[level] ?? 0) + 1;
        counts[level] = size;
        at = afterSpace(bytes, at);
        if (bytes[at] === COMMA) break;
      }
      // Open the arrays down to the next row.
      at = afterSpace(bytes, at + 1);
      for (level++; level < rank; level++) {
        if (bytes[at] !== OPEN) return this.#giveUp(at, from);
        counts[level] = 0;
        at = afterSpace(bytes, at + 1);
      }
    }
  }

  #giveUp(at: number, from: number): undefined {
    this.#gaveUpAt = at;
    this.#used = from;
  }

  #finish(end: number, from: number, shape: readonly number[]): NumberBlock {
    const block = { index: this.list.length, end, shape, from, to: this.#used, integers: this.#integers, exact: this.#exact };
    this.list.push(block);
    return block;
  }

  /** Numbers and commas from `start`; where the first byte is that is neither. A row that ends in a comma ends on that comma. */
  #row(start: number): number {
    const bytes = this.#bytes;
    const view = this.#view;
    const lastGroup = bytes.length - 4;
    let values = this.values;
    let used = this.#used;
    let integers = this.#integers;
    let exact = this.#exact;
    let at = start;
    let comma = start;
    for (;;) {
      const first = at;
      let byte = bytes[at] ?? 0;
      const negative = byte === MINUS;
      if (negative) byte = bytes[++at] ?? 0;
      const wholeAt = at;
      let value = 0;
      let slow = false;
      let whole = byte - 0x30;
      if (whole >= 0 && whole <= 9) {
        byte = bytes[++at] ?? 0;
        if (whole !== 0) {
          while (byte >= 0x30 && byte <= 0x39) {
            whole = (Math.imul(whole, 10) + byte - 0x30) | 0;
            byte = bytes[++at] ?? 0;
          }
        }
        const wholeDigits = at - wholeAt;
        if (byte === COMMA || byte === CLOSE) {
          slow = wholeDigits > LONGEST_WHOLE;
          value = negative ? 0 - whole : whole;
        } else if (byte === POINT || (byte | CASE_BIT) === LOWER_E) {
          // The significand is whole, then up to 8 and up to 4 digits of the fraction; longer ones are bounded by it and it + 1.
          integers = false;
          let middle = 0;
          let tail = 0;
          let middleDigits = 0;
          let tailDigits = 0;
          let longer = false;
          if (byte === POINT) {
            const pointAt = at;
            at++;
            while (at <= lastGroup && middleDigits < 8) {
              const four = view.getUint32(at, true) ^ 0x30303030;
              if ((((four + 0x76767676) | four) & 0x80808080) !== 0) break;
              const pairs = (Math.imul(four, 10) + (four >>> 8)) & 0x00ff00ff;
              middle = Math.imul(middle, 10000) + ((Math.imul(pairs, 100) + (pairs >>> 16)) & 0xffff);
              middleDigits += 4;
              at += 4;
            }
            byte = bytes[at] ?? 0;
            while (byte >= 0x30 && byte <= 0x39 && middleDigits < 8) {
              middle = Math.imul(middle, 10) + byte - 0x30;
              middleDigits++;
              byte = bytes[++at] ?? 0;
            }
            if (byte >= 0x30 && byte <= 0x39) {
              if (wholeDigits <= 3) {
                while (byte >= 0x30 && byte <= 0x39 && tailDigits < 4) {
                  tail = Math.imul(tail, 10) + byte - 0x30;
                  tailDigits++;
                  byte = bytes[++at] ?? 0;
                }
              }
              while (byte >= 0x30 && byte <= 0x39) {
                longer = true;
                byte = bytes[++at] ?? 0;
              }
            }
            slow = at === pointAt + 1;
          }
          let power = middleDigits + tailDigits;
          let significand = whole * (POWERS[middleDigits] ?? 0) + middle;
          if (tailDigits !== 0) significand = significand * (POWERS[tailDigits] ?? 0) + tail;
          slow ||= wholeDigits > 7;
          if ((byte | CASE_BIT) === LOWER_E) {
            byte = bytes[++at] ?? 0;
            const minus = byte === MINUS;
            if (minus || byte === 0x2b) byte = bytes[++at] ?? 0;
            const exponentAt = at;
            let exponent = 0;
            while (byte >= 0x30 && byte <= 0x39) {
              exponent = (Math.imul(exponent, 10) + byte - 0x30) | 0;
              byte = bytes[++at] ?? 0;
            }
            slow ||= at === exponentAt || at > exponentAt + 3;
            power = minus ? power + exponent : power - exponent;
            slow ||= power > 22 || power < -22;
          }
          if (!slow) {
            value = power >= 0 ? significand / (POWERS[power] ?? 1) : significand * (POWERS[-power] ?? 1);
            if (longer) {
              exact = false;
              significand++;
              const above = power >= 0 ? significand / (POWERS[power] ?? 1) : significand * (POWERS[-power] ?? 1);
              slow = Math.fround(value) !== Math.fround(above);
            }
            if (negative) value = -value;
          }
        } else {
          slow = wholeDigits > LONGEST_WHOLE;
          value = negative ? 0 - whole : whole;
        }
      } else if (negative || byte === 0x49 || byte === 0x4e) slow = true;
      else break;
      if (slow) {
        scanNumber(bytes, first, this.#scan);
        at = this.#scan.end;
        value = numberValue(asciiText(bytes, first, at));
        integers &&= this.#scan.integer && Number.isSafeInteger(value);
        byte = bytes[at] ?? 0;
      }
      if (used === values.length) values = this.#grow(values, at);
      values[used++] = value;
      if (byte === COMMA) {
        comma = at;
        at++;
        byte = bytes[at] ?? 0;
        if (byte <= 0x20) at = afterSpace(bytes, at);
        continue;
      }
      comma = -1;
      if (byte <= 0x20) {
        at = afterSpace(bytes, at);
        if (bytes[at] === COMMA) {
          comma = at;
          at = afterSpace(bytes, at + 1);
          continue;
        }
      }
      break;
    }
    this.#used = used;
    this.#integers = integers;
    this.#exact = exact;
    return comma >= 0 ? comma : at;
  }

  /** Room for what is likely to come, judged by the bytes that the numbers so far have taken. */
  #grow(values: Float64Array<ArrayBuffer>, at: number): Float64Array<ArrayBuffer> {
    const likely = Math.ceil((values.length / Math.max(at, 1)) * this.#bytes.length * 1.05);
    const grown = new Float64Array(Math.max(values.length * 2, Math.min(likely, values.length * 4096)));
    grown.set(values);
    this.values = grown;
    return grown;
  }
}

function afterSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  let byte = bytes[at] ?? 0;
  while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++at] ?? 0;
  return at;
}
