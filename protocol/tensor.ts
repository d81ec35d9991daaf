import type { DType } from "./dtype.ts";

/**
 * The elements of a tensor, row-major. `bool` is one byte an element (0 or 1); `string` is one byte string an element;
 * `float16` and `bfloat16` are their bits in a Uint16Array; `complex64` is (real, imaginary) pairs.
 */
export type TensorData =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | readonly Uint8Array[];

/** A dense tensor: `shape` of rank 0 or more, and exactly as many elements as the shape says. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** Tensors by name: a signature def's input or output keys, or the graph's tensor names. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) count *= size;
  return count;
}
