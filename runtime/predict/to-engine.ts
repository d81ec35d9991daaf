import { DTYPES } from "../../protocol/dtype.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { Tensor, TensorData } from "../../protocol/tensor.ts";
import { bfloat16ToFloat32, float16ToFloat32 } from "../../protocol/half.ts";
import type { Port } from "./signature.ts";

const LEAST = -(2 ** 31);
const MOST = 2 ** 31 - 1;

/**
 * A tensor of a signature def's dtype in the dtype that the engine computes it in. Integers must be exact there: one that
 * does not fit 32 bits is refused by name, never wrapped or rounded.
 * @throws INVALID_ARGUMENT for another dtype than the signature def's, or an integer out of range; UNIMPLEMENTED for complex128
 */
export function toEngine(tensor: Tensor, { key, dtype }: Port): Tensor {
  const { engine } = DTYPES[dtype];
  if (tensor.dtype === engine) return tensor;
  if (engine === null) throw new AshoreError("UNIMPLEMENTED", `Input ${key} is ${dtype}, which the engine cannot compute.`);
  if (tensor.dtype !== dtype) {
    throw new AshoreError("INVALID_ARGUMENT", `Input ${key} is ${tensor.dtype} where the signature def says ${dtype}.`);
  }
  return { dtype: engine, shape: tensor.shape, data: convert(tensor.data, tensor) };
}

function convert(data: TensorData, { dtype }: Tensor): TensorData {
  switch (dtype) {
    case "float64":
      return new Float32Array(data as Float64Array);
    case "float16":
      return Float32Array.from(data as Uint16Array, float16ToFloat32);
    case "bfloat16":
      return Float32Array.from(data as Uint16Array, bfloat16ToFloat32);
    case "int64":
    case "uint64":
      return narrowed(data as BigInt64Array | BigUint64Array, dtype);
    case "uint32":
      return narrowed(data as Uint32Array, dtype);
    default:
      return new Int32Array(data as Int8Array | Uint8Array | Int16Array | Uint16Array);
  }
}

function narrowed(data: BigInt64Array | BigUint64Array | Uint32Array, dtype: string): Int32Array<ArrayBuffer> {
  const narrow = new Int32Array(data.length);
  for (let at = 0; at < data.length; at++) {
    const value = data[at] ?? 0;
    if (value < LEAST || value > MOST) {
      throw new AshoreError("INVALID_ARGUMENT", `The ${dtype} value ${value} does not fit the 32 bits that the engine computes integers in (${LEAST} to ${MOST}).`);
    }
    narrow[at] = Number(value);
  }
  return narrow;
}
