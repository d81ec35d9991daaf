import type { DType } from "../dtype.ts";
import type { TensorData } from "../tensor.ts";
import type { NumberBlock } from "./number-block.ts";
import { dataOver } from "./tensor-data.ts";

/** A block's numbers as elements carried by a dtype, or undefined where only their literals can tell what they are. */
export function blockData(values: Float64Array, block: NumberBlock, carried: DType): TensorData | undefined {
  if (values.length === 0) return dataOver(carried, new ArrayBuffer(0));
  switch (carried) {
    case "float32":
      return new Float32Array(values);
    case "float64":
      return block.exact ? new Float64Array(values) : undefined;
    case "int32":
      return block.integers && within(values, -(2 ** 31), 2 ** 31 - 1) ? new Int32Array(values) : undefined;
    case "uint32":
      return block.integers && within(values, 0, 2 ** 32 - 1) ? new Uint32Array(values) : undefined;
    case "int64":
      return block.integers ? BigInt64Array.from({ length: values.length }, (_, index) => BigInt(values[index] ?? 0)) : undefined;
    case "uint64":
      return block.integers && within(values, 0, Number.MAX_SAFE_INTEGER)
        ? BigUint64Array.from({ length: values.length }, (_, index) => BigInt(values[index] ?? 0))
        : undefined;
    default:
      return undefined;
  }
}

function within(values: Float64Array, least: number, most: number): boolean {
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0;
    if (value < least || value > most) return false;
  }
  return true;
}
