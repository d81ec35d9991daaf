import { elementCount, type Tensor } from "../../../protocol/tensor.ts";
import type { Constant } from "./graph.ts";

/** A tensor's values, in what the engine computes with: what is folded. */
export type Value = FloatValue | IntValue | BoolValue;

export interface FloatValue {
  readonly dtype: "float32";
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

export interface IntValue {
  readonly dtype: "int32";
  readonly shape: readonly number[];
  readonly data: Int32Array<ArrayBuffer>;
}

/** One byte an element, 0 or 1. */
export interface BoolValue {
  readonly dtype: "bool";
  readonly shape: readonly number[];
  readonly data: Uint8Array<ArrayBuffer>;
}

export const floats = (shape: readonly number[], data: Float32Array<ArrayBuffer>): FloatValue => ({ dtype: "float32", shape, data });
export const ints = (shape: readonly number[], data: Int32Array<ArrayBuffer>): IntValue => ({ dtype: "int32", shape, data });
export const bools = (shape: readonly number[], data: Uint8Array<ArrayBuffer>): BoolValue => ({ dtype: "bool", shape, data });

/** A constant's values; undefined where it is quantised, or of a dtype that is not folded. */
export function valueOf({ kind, tensor }: Constant): Value | undefined {
  if (kind === "dense") return denseValue(tensor);
  const { dtype, shape, quantization, bytes } = tensor;
  if (quantization !== undefined || bytes.byteLength !== elementCount(shape) * (dtype === "bool" ? 1 : 4)) return undefined;
  switch (dtype) {
    case "float32":
      return floats(shape, new Float32Array(bytes.slice().buffer));
    case "int32":
      return ints(shape, new Int32Array(bytes.slice().buffer));
    case "bool":
      return bools(shape, bytes);
    default:
      return undefined;
  }
}

function denseValue({ dtype, shape, data }: Tensor): Value | undefined {
  if (dtype === "float32" && data instanceof Float32Array) return floats(shape, data);
  if (dtype === "int32" && data instanceof Int32Array) return ints(shape, data);
  if (dtype === "bool" && data instanceof Uint8Array) return bools(shape, data);
  return undefined;
}

/** Numbers as elements of a dtype. */
export function valueFrom(dtype: Value["dtype"], shape: readonly number[], numbers: ArrayLike<number>): Value {
  switch (dtype) {
    case "float32":
      return floats(shape, Float32Array.from(numbers));
    case "int32":
      return ints(shape, Int32Array.from(numbers));
    case "bool":
      return bools(shape, Uint8Array.from(numbers));
  }
}

/** Fewer, or other, elements of the same dtype: element i is `value.data[places[i]]`. */
export function pick({ dtype, data }: Value, shape: readonly number[], places: Int32Array): Value {
  const { length } = places;
  const out = valueFrom(dtype, shape, { length });
  for (let i = 0; i < length; i++) out.data[i] = data[places[i] ?? 0] ?? 0;
  return out;
}

/** The same elements in another shape. */
export function reshaped(value: Value, shape: readonly number[]): Value | undefined {
  return elementCount(shape) === value.data.length ? { ...value, shape } : undefined;
}
