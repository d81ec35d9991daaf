import { DTYPES, type DType } from "../dtype.ts";
import { AshoreError } from "../errors.ts";
import { bfloat16ToFloat32, float16ToFloat32 } from "../half.ts";
import type { Tensor } from "../tensor.ts";
import { encodeBase64 } from "./base64.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { RestDialect } from "./dialect.ts";
import { formatDecimal } from "./format-g.ts";
import { isUtf8 } from "./raw-text.ts";
import { FLOAT32_BYTES, writeFloat32 } from "./write-float32.ts";
import { writeString } from "./write-string.ts";

/** What stands before the first element of a list, and between two. */
export interface Separators {
  readonly first: string;
  readonly next: string;
}

/** Writes the elements of a tensor from one flat index to another; `depth` is the number of brackets open around them. */
export type WriteElements = (out: ByteWriter, from: number, to: number, separators: Separators, depth: number) => void;

/**
 * How a tensor's elements are written (`json_tensor.cc`, `AddSingleValueAndAdvance`).
 * @param asBytes whether strings are written as `{"b64": "…"}`
 * @throws INVALID_ARGUMENT, at the first element, where the dtype cannot be printed
 */
export function elementWriter({ dtype, data }: Tensor, asBytes: boolean, { strictJson = false, extendedDtypes = false }: RestDialect = {}): WriteElements {
  const decimals = (value: (index: number) => number, type: Parameters<typeof formatDecimal>[1]): WriteElements =>
    each((out, index) => out.ascii(decimalText(value(index), type, strictJson)));
  if (data instanceof Float32Array && dtype === "float32") {
    return strictJson && !data.every(Number.isFinite) ? decimals((index) => data[index] ?? 0, "float32") : float32Writer(data);
  }
  if (data instanceof Float64Array && dtype === "float64") return decimals((index) => data[index] ?? 0, "float64");
  if (data instanceof Uint16Array && extendedDtypes) {
    if (dtype === "uint16") return each((out, index) => out.ascii(String(data[index] ?? 0)));
    if (dtype === "float16") return decimals((index) => float16ToFloat32(data[index] ?? 0), "float16");
    if (dtype === "bfloat16") return decimals((index) => bfloat16ToFloat32(data[index] ?? 0), "bfloat16");
  }
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return each((out, index) => out.ascii(String(data[index] ?? 0n)));
  if (dtype === "bool") return each((out, index) => out.ascii(data[index] === 0 ? "false" : "true"));
  if (dtype === "string") {
    const strings = data as readonly Uint8Array[];
    return each((out, index, depth) => {
      const string = strings[index] ?? new Uint8Array();
      (asBytes || (strictJson && !isUtf8(string)) ? writeBase64Object : writeString)(out, string, depth);
    });
  }
  if (INTEGERS.includes(dtype)) return each((out, index) => out.ascii(String(data[index] ?? 0)));
  return each(() => {
    throw new AshoreError("INVALID_ARGUMENT", `Failed to write JSON value for tensor type: ${DTYPES[dtype].tf}`);
  });
}

/** A float, or in strict JSON the word for what is no number as a string. */
export function decimalText(value: number, type: Parameters<typeof formatDecimal>[1], strictJson: boolean): string {
  const text = formatDecimal(value, type);
  return strictJson && !Number.isFinite(value) ? `"${text}"` : text;
}

const INTEGERS: readonly DType[] = ["int8", "int16", "int32", "uint8", "uint32"];

function each(write: (out: ByteWriter, index: number, depth: number) => void): WriteElements {
  return (out, from, to, { first, next }, depth) => {
    for (let index = from; index < to; index++) {
      out.ascii(index === from ? first : next);
      write(out, index, depth);
    }
  };
}

/** Numbers at a time for which room is made at once. */
const CHUNK = 512;

function float32Writer(data: Float32Array): WriteElements {
  const allBits = new Int32Array(data.buffer, data.byteOffset, data.length);
  return (out, from, to, { first, next }) => {
    if (from < to) out.ascii(first);
    for (let start = from; start < to; start += CHUNK) {
      const end = Math.min(start + CHUNK, to);
      out.reserve((end - start) * (FLOAT32_BYTES + next.length));
      const bytes = out.bytes;
      let at = out.length;
      for (let index = start; index < end; index++) {
        if (index !== from) for (let letter = 0; letter < next.length; letter++) bytes[at++] = next.charCodeAt(letter);
        at = writeFloat32(bytes, at, data[index] ?? 0, allBits[index] ?? 0);
      }
      out.length = at;
    }
  };
}

/** RapidJSON breaks the lines of an object even inside a list on one line. */
export function writeBase64Object(out: ByteWriter, value: Uint8Array, depth: number): void {
  out.ascii(`{\n${"    ".repeat(depth + 1)}"b64": "`);
  out.raw(encodeBase64(value));
  out.ascii(`"\n${"    ".repeat(depth)}}`);
}
