import type { DType } from "../../protocol/dtype.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { Tensor, TensorData } from "../../protocol/tensor.ts";
import { float32ToBfloat16, float32ToFloat16 } from "../../protocol/half.ts";

/**
 * What the engine computed, in the dtype that the signature def promises.
 * @throws INTERNAL where the engine answered text or complex numbers for a number, or the other way round
 */
export function fromEngine(tensor: Tensor, dtype: DType, key: string): Tensor {
  if (tensor.dtype === dtype) return tensor;
  const data = isNumbers(tensor.data) && tensor.dtype !== "complex64" ? convert(tensor.data, dtype) : undefined;
  if (data === undefined) throw new AshoreError("INTERNAL", `Output ${key} came as ${tensor.dtype} where the signature def says ${dtype}.`);
  return { dtype, shape: tensor.shape, data };
}

type Numbers = Float32Array | Int32Array | Uint8Array;

function isNumbers(data: TensorData): data is Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> {
  return data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array;
}

function convert(data: Numbers, dtype: DType): TensorData | undefined {
  switch (dtype) {
    case "float32":
      return new Float32Array(data);
    case "float64":
      return new Float64Array(data);
    case "float16":
      return Uint16Array.from(data, float32ToFloat16);
    case "bfloat16":
      return Uint16Array.from(data, float32ToBfloat16);
    case "int8":
      return new Int8Array(data);
    case "int16":
      return new Int16Array(data);
    case "int32":
      return new Int32Array(data);
    case "int64":
      return BigInt64Array.from({ length: data.length }, (_, at) => whole(data[at]));
    case "uint8":
      return new Uint8Array(data);
    case "uint16":
      return new Uint16Array(data);
    case "uint32":
      return new Uint32Array(data);
    case "uint64":
      return BigUint64Array.from({ length: data.length }, (_, at) => whole(data[at]));
    case "bool":
      return Uint8Array.from(data, (x) => (x === 0 ? 0 : 1));
    case "string":
    case "complex64":
    case "complex128":
      return undefined;
  }
}

function whole(x: number | undefined): bigint {
  return x !== undefined && Number.isFinite(x) ? BigInt(Math.trunc(x)) : 0n;
}
