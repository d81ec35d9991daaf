import type { DType } from "../../protocol/dtype.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { elementCount, type Tensor, type TensorData } from "../../protocol/tensor.ts";
import { float32ToBfloat16, float32ToFloat16 } from "../../protocol/half.ts";

export type Leaf = number | bigint | boolean | string | Uint8Array;
/** A tensor as JavaScript writes it down: a scalar, or arrays in arrays, all of one size at each depth. */
export type Nested = Leaf | readonly Nested[];

/**
 * A tensor of nested arrays, in the signature def's dtype. Numbers must be what the dtype can hold: no text for a number, no
 * fraction for an integer.
 * @throws INVALID_ARGUMENT, naming the input and the place
 */
export function tensorOfNested(value: Nested, dtype: DType, key: string): Tensor {
  const shape: number[] = [];
  for (let first: Nested | undefined = value; Array.isArray(first); first = first[0] as Nested | undefined) shape.push(first.length);
  const leaves: Leaf[] = [];
  collect(value, 0);
  if (leaves.length !== elementCount(shape)) throw new AshoreError("INVALID_ARGUMENT", `Input ${key} is not an array of one shape.`);
  return { dtype, shape, data: dataOf(leaves, dtype, key) };

  function collect(nested: Nested, depth: number): void {
    const size = shape[depth];
    if (!Array.isArray(nested)) {
      if (size !== undefined) throw ragged(key, depth, `an array of ${size}`, typeof nested);
      leaves.push(nested as Leaf);
      return;
    }
    if (size === undefined) throw ragged(key, depth, "a value", `an array of ${nested.length}`);
    if (nested.length !== size) throw ragged(key, depth, `an array of ${size}`, `an array of ${nested.length}`);
    for (const inner of nested as readonly Nested[]) collect(inner, depth + 1);
  }
}

function ragged(key: string, depth: number, expected: string, found: string): AshoreError {
  return new AshoreError("INVALID_ARGUMENT", `Input ${key} has ${found} at depth ${depth} where its first element has ${expected}; a tensor has one shape.`);
}

function dataOf(leaves: readonly Leaf[], dtype: DType, key: string): TensorData {
  const { length } = leaves;
  const numberAt = (at: number): number => asNumber(leaves[at], dtype, key);
  switch (dtype) {
    case "float32":
      return Float32Array.from({ length }, (_, at) => numberAt(at));
    case "float64":
      return Float64Array.from({ length }, (_, at) => numberAt(at));
    case "float16":
      return Uint16Array.from({ length }, (_, at) => float32ToFloat16(numberAt(at)));
    case "bfloat16":
      return Uint16Array.from({ length }, (_, at) => float32ToBfloat16(numberAt(at)));
    case "int8":
      return Int8Array.from({ length }, (_, at) => Number(asInteger(leaves[at], -(2n ** 7n), 2n ** 7n, dtype, key)));
    case "int16":
      return Int16Array.from({ length }, (_, at) => Number(asInteger(leaves[at], -(2n ** 15n), 2n ** 15n, dtype, key)));
    case "int32":
      return Int32Array.from({ length }, (_, at) => Number(asInteger(leaves[at], -(2n ** 31n), 2n ** 31n, dtype, key)));
    case "int64":
      return BigInt64Array.from({ length }, (_, at) => asInteger(leaves[at], -(2n ** 63n), 2n ** 63n, dtype, key));
    case "uint8":
      return Uint8Array.from({ length }, (_, at) => Number(asInteger(leaves[at], 0n, 2n ** 8n, dtype, key)));
    case "uint16":
      return Uint16Array.from({ length }, (_, at) => Number(asInteger(leaves[at], 0n, 2n ** 16n, dtype, key)));
    case "uint32":
      return Uint32Array.from({ length }, (_, at) => Number(asInteger(leaves[at], 0n, 2n ** 32n, dtype, key)));
    case "uint64":
      return BigUint64Array.from({ length }, (_, at) => asInteger(leaves[at], 0n, 2n ** 64n, dtype, key));
    case "bool":
      return Uint8Array.from({ length }, (_, at) => asBool(leaves[at], key));
    case "string":
      return leaves.map((leaf) => asBytes(leaf, key));
    case "complex64":
    case "complex128":
      throw new AshoreError("INVALID_ARGUMENT", `Input ${key} is ${dtype}, which nested arrays cannot write; give a tensor {dtype, shape, data}.`);
  }
}

function asNumber(leaf: Leaf | undefined, dtype: DType, key: string): number {
  if (typeof leaf === "number" || typeof leaf === "bigint") return Number(leaf);
  throw wrongLeaf(leaf, dtype, key);
}

function asInteger(leaf: Leaf | undefined, least: bigint, end: bigint, dtype: DType, key: string): bigint {
  if (typeof leaf === "bigint" || (typeof leaf === "number" && Number.isInteger(leaf))) {
    const value = BigInt(leaf);
    if (value >= least && value < end) return value;
  }
  throw wrongLeaf(leaf, dtype, key);
}

function asBool(leaf: Leaf | undefined, key: string): number {
  if (typeof leaf === "boolean") return leaf ? 1 : 0;
  throw wrongLeaf(leaf, "bool", key);
}

function asBytes(leaf: Leaf, key: string): Uint8Array {
  if (typeof leaf === "string") return new TextEncoder().encode(leaf);
  if (leaf instanceof Uint8Array) return leaf;
  throw wrongLeaf(leaf, "string", key);
}

function wrongLeaf(leaf: unknown, dtype: DType, key: string): AshoreError {
  const shown = typeof leaf === "string" ? JSON.stringify(leaf.slice(0, 60)) : String(leaf);
  return new AshoreError("INVALID_ARGUMENT", `Input ${key} holds ${shown}, which is no ${dtype}.`);
}
