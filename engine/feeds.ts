import { AshoreError } from "../protocol/errors.ts";
import { elementCount, type Tensor } from "../protocol/tensor.ts";

/** A tensor in one of the engine's dtypes, its data of the class and length that dtype and shape say. */
export type EngineTensor =
  | { readonly dtype: "float32" | "complex64"; readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }
  | { readonly dtype: "int32"; readonly shape: readonly number[]; readonly data: Int32Array<ArrayBuffer> }
  | { readonly dtype: "bool"; readonly shape: readonly number[]; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly dtype: "string"; readonly shape: readonly number[]; readonly data: readonly Uint8Array[] };

export type EngineTensors = Readonly<Record<string, EngineTensor>>;

/**
 * A feed, checked: the engine takes types and lengths on trust.
 * @throws INVALID_ARGUMENT
 */
export function checkFeed(name: string, tensor: Tensor): EngineTensor {
  const { dtype, shape, data } = tensor;
  if (!isEngineTensor(tensor)) {
    throw new AshoreError("INVALID_ARGUMENT", `The tensor ${name} is ${dtype} in a ${data.constructor.name}, which the engine does not take.`);
  }
  const count = elementCount(shape);
  const length = dtype === "complex64" ? data.length / 2 : data.length;
  if (length !== count) {
    throw new AshoreError("INVALID_ARGUMENT", `The tensor ${name} has ${length} elements where its shape [${shape}] needs ${count}.`);
  }
  return tensor;
}

function isEngineTensor(tensor: Tensor): tensor is EngineTensor {
  const { dtype, data } = tensor;
  switch (dtype) {
    case "float32":
    case "complex64":
      return data instanceof Float32Array;
    case "int32":
      return data instanceof Int32Array;
    case "bool":
      return data instanceof Uint8Array;
    case "string":
      return Array.isArray(data);
    default:
      return false;
  }
}
