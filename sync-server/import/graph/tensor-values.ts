import { bfloat16ToFloat32, float16ToFloat32 } from "../../../protocol/half.ts";
import type { Tensor } from "../../../protocol/tensor.ts";

export type StringTensor = Tensor & { readonly data: readonly Uint8Array[] };

export function isString(tensor: Tensor): tensor is StringTensor {
  return tensor.dtype === "string";
}

/** The elements of a tensor of numbers or bools, whatever its dtype; 64-bit integers beyond 2^53 lose their last digits. */
export function toNumbers({ dtype, data }: Tensor): Float64Array<ArrayBuffer> {
  const numbers = new Float64Array(data.length);
  const read = dtype === "float16" ? float16ToFloat32 : dtype === "bfloat16" ? bfloat16ToFloat32 : Number;
  for (let i = 0; i < numbers.length; i++) numbers[i] = read(Number(data[i]));
  return numbers;
}

export function ints(values: readonly number[]): Tensor {
  return { dtype: "int32", shape: [values.length], data: Int32Array.from(values) };
}

export function scalar(value: number, dtype: "int32" | "float32" | "bool" = "int32"): Tensor {
  const data = dtype === "int32" ? Int32Array.of(value) : dtype === "float32" ? Float32Array.of(value) : Uint8Array.of(value);
  return { dtype, shape: [], data };
}
