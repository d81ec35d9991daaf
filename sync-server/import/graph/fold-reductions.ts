import { elementCount } from "../../../protocol/tensor.ts";
import { boolOf } from "./attrs.ts";
import type { Kernel, Kernels } from "./fold-kernels.ts";
import { bools, floats, ints, type Value } from "./fold-value.ts";

interface Reduction {
  readonly start: number;
  readonly step: (sum: number, x: number) => number;
}

const NUMBERS: Readonly<Record<string, Reduction>> = {
  Sum: { start: 0, step: (sum, x) => sum + x },
  Prod: { start: 1, step: (product, x) => product * x },
  Max: { start: Number.NEGATIVE_INFINITY, step: Math.max },
  Min: { start: Number.POSITIVE_INFINITY, step: Math.min },
  Mean: { start: 0, step: (sum, x) => sum + x },
};
const BOOLS: Readonly<Record<string, Reduction>> = {
  All: { start: 1, step: (all, x) => all & x },
  Any: { start: 0, step: (any, x) => any | x },
};

/** Ops that take axes together. Floats are summed in double precision. */
export const reductionKernels: Kernels = Object.fromEntries([...Object.keys(NUMBERS), ...Object.keys(BOOLS)].map((op) => [op, reduction(op)]));

function reduction(op: string): Kernel {
  return ([x, axes], { attrs }) => {
    const rule = x?.dtype === "bool" ? BOOLS[op] : NUMBERS[op];
    if (x === undefined || axes?.dtype !== "int32" || rule === undefined) return undefined;
    const rank = x.shape.length;
    const reduced = new Set(Array.from(axes.data, (axis) => (axis < 0 ? axis + rank : axis)));
    if ([...reduced].some((axis) => axis < 0 || axis >= rank)) return undefined;
    const kept = x.shape.map((size, axis) => (reduced.has(axis) ? 1 : size));
    const shape = boolOf(attrs, "keep_dims", false) ? kept : x.shape.filter((_, axis) => !reduced.has(axis));
    const count = elementCount(kept);
    const parts = count === 0 ? 0 : x.data.length / count;
    // An integer's largest of none, and its mean, are not to be had here.
    if (parts === 0 || (op === "Mean" && x.dtype === "int32")) return undefined;
    const sums = reduce(x, kept, rule);
    return result(op, x, shape, op === "Mean" ? sums.map((sum) => sum / parts) : sums);
  };
}

function reduce({ data, shape }: Value, kept: readonly number[], { start, step }: Reduction): Float64Array {
  const sums = new Float64Array(elementCount(kept)).fill(start);
  const strides: number[] = [];
  for (let axis = kept.length - 1, stride = 1; axis >= 0; axis--) {
    strides.unshift(kept[axis] === 1 ? 0 : stride);
    stride *= kept[axis] ?? 1;
  }
  const position = shape.map(() => 0);
  let at = 0;
  for (const x of data) {
    sums[at] = step(sums[at] ?? start, x);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position[axis] = (position[axis] ?? 0) + 1;
      at += strides[axis] ?? 0;
      if ((position[axis] ?? 0) < (shape[axis] ?? 1)) break;
      at -= (strides[axis] ?? 0) * (shape[axis] ?? 1);
      position[axis] = 0;
    }
  }
  return sums;
}

function result(op: string, { dtype }: Value, shape: readonly number[], sums: Float64Array): Value | undefined {
  switch (dtype) {
    case "float32":
      return floats(shape, Float32Array.from(sums));
    case "int32":
      // Beyond 2^53 a product is not exact, and what TensorFlow's would wrap to is not known.
      return sums.every(Number.isSafeInteger) ? ints(shape, Int32Array.from(sums, (sum) => sum | 0)) : undefined;
    case "bool":
      return op === "All" || op === "Any" ? bools(shape, Uint8Array.from(sums)) : undefined;
  }
}
