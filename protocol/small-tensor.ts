import { DTYPES, type DType } from "./dtype.ts";
import { AshoreError } from "./errors.ts";
import type { SmallTensor } from "./manifest.ts";
import { decodeBase64, encodeBase64 } from "./rest/base64.ts";
import { dataOver } from "./rest/tensor-data.ts";
import { elementCount, type Tensor, type TensorData } from "./tensor.ts";

/** A tensor as JSON holds it; a dtype of 16-bit floats as the bits that it is, a complex one as pairs. */
export interface JsonTensor {
  readonly shape: readonly number[];
  readonly values: readonly unknown[];
}

/**
 * The tensor that JSON holds.
 * @param what names it in errors
 * @throws SCHEMA_INVALID
 */
export function tensorOfJson({ shape, values }: JsonTensor, dtype: DType, what: string): Tensor {
  const count = elementCount(shape) * (dtype === "complex64" || dtype === "complex128" ? 2 : 1);
  if (values.length !== count) throw new AshoreError("SCHEMA_INVALID", `${what} has ${values.length} values where its shape [${shape}] has ${count}.`);
  try {
    return { dtype, shape, data: dataOf(values, dtype, elementCount(shape)) };
  } catch (cause) {
    throw new AshoreError("SCHEMA_INVALID", `${what} holds a value that is no ${dtype}.`, { cause });
  }
}

function dataOf(values: readonly unknown[], dtype: DType, count: number): TensorData {
  if (dtype === "string") return values.map(bytesOf);
  const data = dataOver(dtype, new ArrayBuffer(count * DTYPES[dtype].bytes));
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) values.forEach((value, at) => void (data[at] = BigInt(String(value))));
  else if (ArrayBuffer.isView(data)) values.forEach((value, at) => void (data[at] = Number(value)));
  return data;
}

function bytesOf(value: unknown): Uint8Array {
  const bytes = typeof value === "string" ? decodeBase64(new TextEncoder().encode(value)) : undefined;
  if (bytes === undefined) throw new TypeError("not base64");
  return bytes;
}

/** A tensor as JSON: floats by the fewest digits that read back to the same. */
export function jsonOfTensor({ dtype, shape, data }: Tensor): SmallTensor {
  const json = (element: number | bigint | Uint8Array): number | string | boolean => {
    if (typeof element === "bigint") return String(element);
    if (typeof element !== "number") return new TextDecoder().decode(encodeBase64(element));
    if (dtype === "bool") return element !== 0;
    if (Object.is(element, -0)) return "-0";
    return Number.isFinite(element) ? (dtype === "float32" || dtype === "complex64" ? shortest(element) : element) : String(element);
  };
  return { shape: [...shape], values: Array.from<number | bigint | Uint8Array, number | string | boolean>(data, json) };
}

/** The shortest decimal that is nearest to this float32 and to no other. */
function shortest(float: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(float.toPrecision(digits));
    if (Math.fround(short) === float) return short;
  }
  return Number(float.toPrecision(9));
}
