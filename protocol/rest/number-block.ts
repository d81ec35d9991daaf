import { FastDecimal } from "./fast-decimal.ts";
import { asciiText, numberValue, scanNumber } from "./json-number.ts";
import { scratchFloat64 } from "./scratch.ts";

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

const SPACE = 0x20;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const UPPER_I = 0x49;
const UPPER_N = 0x4e;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const LOWER_E = 0x65;
const CASE_BIT = 0x20;

/** Deeper arrays are read node by node. */
const DEEPEST = 32;
/** Whole digits that an int32 surely holds. */
const LONGEST_WHOLE = 9;

/**
 * Reads arrays of numbers straight into one growing list, at the speed of their bytes. What is not a regular array of
 * numbers is left to the caller, and no byte is tried twice.
 */
export class NumberBlocks {
  readonly list: NumberBlock[] = [];
  values = scratchFloat64(64);
  readonly #bytes: Uint8Array;
  readonly #decimal: FastDecimal;
  #used = 0;
  /** Where the last try gave up: an array that starts before is not regular, or lies in one that is not. */
  #gaveUpAt = 0;
  readonly #scan = { end: 0, integer: false };
  #integers = true;
  #exact = true;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#decimal = new FastDecimal(bytes);
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

  /** Reads numbers and commas from `start`; where the first byte is that is neither. A row that ends in a comma ends on that comma. */
  #row(start: number): number {
    const bytes = this.#bytes;
    const decimal = this.#decimal;
    let values = this.values;
    let used = this.#used;
    let at = start;
    for (let comma = start; ; ) {
      const first = at;
      let byte = bytes[at] ?? 0;
      const negative = byte === MINUS;
      if (negative) byte = bytes[++at] ?? 0;
      let value = 0;
      const wholeAt = at;
      let whole = byte - ZERO;
      if (whole >= 0 && whole <= 9) {
        byte = bytes[++at] ?? 0;
        for (; whole !== 0 && byte >= ZERO && byte <= NINE; byte = bytes[++at] ?? 0) whole = (Math.imul(whole, 10) + byte - ZERO) | 0;
        if (byte === POINT || (byte | CASE_BIT) === LOWER_E) {
          value = decimal.read(at, whole, at - wholeAt);
          if (negative) value = -value;
          at = decimal.end;
          this.#integers = false;
          this.#exact &&= decimal.exact;
        } else value = at - wholeAt > LONGEST_WHOLE ? Number.NaN : negative ? 0 - whole : whole;
      } else if (negative || byte === UPPER_I || byte === UPPER_N) value = Number.NaN;
      else {
        this.#used = used;
        return comma;
      }
      if (Number.isNaN(value)) {
        value = this.#slowly(first);
        at = this.#scan.end;
      }
      if (used === values.length) values = this.#grow(values, at);
      values[used++] = value;
      byte = bytes[at] ?? 0;
      if (byte <= SPACE) {
        at = afterSpace(bytes, at);
        byte = bytes[at] ?? 0;
      }
      if (byte !== COMMA) {
        this.#used = used;
        return at;
      }
      comma = at++;
      if ((bytes[at] ?? 0) <= SPACE) at = afterSpace(bytes, at);
    }
  }

  #slowly(start: number): number {
    scanNumber(this.#bytes, start, this.#scan);
    const value = numberValue(asciiText(this.#bytes, start, this.#scan.end));
    this.#integers &&= this.#scan.integer && Number.isSafeInteger(value);
    return value;
  }

  /** Room for what is likely to come, judged by the bytes that the numbers so far have taken. */
  #grow(values: Float64Array<ArrayBuffer>, at: number): Float64Array<ArrayBuffer> {
    const likely = Math.ceil((values.length / Math.max(at, 1)) * this.#bytes.length * 1.05);
    const grown = new Float64Array(Math.max(values.length * 2, Math.min(likely, values.length * 64)));
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
