import { intAttr, typeAttr, type Attrs } from "./attrs.ts";
import type { Writer } from "./rewrite.ts";
import { ints, scalar } from "./tensor-values.ts";

/** Attributes of arithmetic on sizes and indices. */
export const INT = { T: typeAttr("DT_INT32") };
export const SLICE = { ...INT, Index: typeAttr("DT_INT32") };

/** The sizes of a tensor, as a vector. */
export function shapeOf({ add }: Writer, tensor: string): string {
  return add("Shape", [tensor], { out_type: typeAttr("DT_INT32") });
}

/** A part of a vector of sizes; a count of -1 takes the rest. */
export function sizesOf({ add, constant }: Writer, shape: string, from: number, count: number): string {
  return add("Slice", [shape, constant(ints([from])), constant(ints([count]))], SLICE);
}

/** Vectors (or rows) one behind the other; a single one is itself. */
export function joined({ add, constant }: Writer, parts: readonly string[], attrs: Attrs = INT): string {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : add("ConcatV2", [...parts, constant(scalar(0))], { ...attrs, N: intAttr(parts.length), Tidx: typeAttr("DT_INT32") });
}
