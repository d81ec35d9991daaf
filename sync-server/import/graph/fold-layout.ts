import { DTYPES, dtypeOfProto } from "../../../protocol/dtype.ts";
import { elementCount } from "../../../protocol/tensor.ts";
import { intOf, intsOf, typeOf } from "./attrs.ts";
import { broadcastTo } from "./fold-elementwise.ts";
import type { Kernels } from "./fold-kernels.ts";
import { bools, floats, ints, pick, reshaped, valueFrom, type Value } from "./fold-value.ts";

/** Ops that move, repeat, cut or rename elements, or that tell of shapes. */
export const layoutKernels: Kernels = {
  Identity: ([x]) => x,
  Shape: ([x]) => (x === undefined ? undefined : ints([x.shape.length], Int32Array.from(x.shape))),
  Size: ([x]) => (x === undefined ? undefined : ints([], Int32Array.of(x.data.length))),
  Rank: ([x]) => (x === undefined ? undefined : ints([], Int32Array.of(x.shape.length))),
  ZerosLike: ([x]) => (x === undefined ? undefined : filled(x.dtype, x.shape, 0)),
  OnesLike: ([x]) => (x === undefined ? undefined : filled(x.dtype, x.shape, 1)),
  Cast: ([x], { attrs }) => (x === undefined ? undefined : cast(x, typeOf(attrs, "DstT"))),
  Reshape: ([x, shape]) => (x === undefined || shape === undefined ? undefined : reshape(x, numbers(shape))),
  ExpandDims: ([x, axis]) => {
    if (x === undefined || axis === undefined) return undefined;
    const at = atAxis(numbers(axis)[0], x.shape.length + 1);
    return at === undefined ? undefined : reshaped(x, x.shape.toSpliced(at, 0, 1));
  },
  Squeeze: ([x], { attrs }) => {
    if (x === undefined) return undefined;
    const axes = new Set((intsOf(attrs, "squeeze_dims") ?? intsOf(attrs, "axis") ?? []).map((axis) => atAxis(axis, x.shape.length)));
    return reshaped(x, x.shape.filter((size, axis) => size !== 1 || (axes.size > 0 && !axes.has(axis))));
  },
  Transpose: ([x, perm]) => (x === undefined || perm === undefined ? undefined : transpose(x, numbers(perm))),
  Pack: (values, { attrs }) => {
    const [first] = values;
    const at = first === undefined ? undefined : atAxis(intOf(attrs, "axis", 0), first.shape.length + 1);
    if (at === undefined) return undefined;
    const parts = values.map((value) => reshaped(value, value.shape.toSpliced(at, 0, 1)));
    return parts.every((part) => part !== undefined) ? concat(parts, at) : undefined;
  },
  ConcatV2: (inputs) => {
    const [first] = inputs;
    const axis = inputs.at(-1);
    const at = first === undefined || axis === undefined ? undefined : atAxis(numbers(axis)[0], first.shape.length);
    return at === undefined ? undefined : concat(inputs.slice(0, -1), at);
  },
  Slice: ([x, begin, size]) => {
    if (x === undefined || begin === undefined || size === undefined) return undefined;
    const from = numbers(begin);
    const sizes = numbers(size).map((count, axis) => (count === -1 ? (x.shape[axis] ?? 0) - (from[axis] ?? 0) : count));
    return cut(x, from, sizes, x.shape.map(() => 1), sizes);
  },
  StridedSlice: ([x, begin, end, strides], { attrs }) => {
    if (x === undefined || begin === undefined || end === undefined || strides === undefined) return undefined;
    const mask = (name: string): number => intOf(attrs, name, 0);
    if (mask("ellipsis_mask") !== 0 || mask("new_axis_mask") !== 0) return undefined;
    const masks = { begin: mask("begin_mask"), end: mask("end_mask"), shrink: mask("shrink_axis_mask") };
    return stridedSlice(x, numbers(begin), numbers(end), numbers(strides), masks);
  },
  GatherV2: ([x, indices, axis], { attrs, limit }) => {
    if (x === undefined || indices?.dtype !== "int32" || axis === undefined || intOf(attrs, "batch_dims", 0) !== 0) return undefined;
    const at = atAxis(numbers(axis)[0], x.shape.length);
    return at === undefined ? undefined : gather(x, indices.shape, indices.data, at, limit);
  },
  Tile: ([x, multiples], { limit }) => {
    if (x === undefined || multiples === undefined) return undefined;
    const counts = numbers(multiples);
    const shape = x.shape.map((size, axis) => size * (counts[axis] ?? 1));
    if (counts.length !== x.shape.length || elementCount(shape) > limit) return undefined;
    return pick(x, shape, places(shape, strides(x.shape), (at, axis) => at % (x.shape[axis] ?? 1)));
  },
  BroadcastTo: ([x, shape], { limit }) => (x === undefined || shape === undefined || elementCount(numbers(shape)) > limit ? undefined : broadcastTo(x, numbers(shape))),
  Fill: ([shape, value], { limit }) => (shape === undefined || value === undefined || elementCount(numbers(shape)) > limit ? undefined : broadcastTo(value, numbers(shape))),
  Range: ([start, limitValue, delta], { limit }) => {
    if (start === undefined || limitValue === undefined || delta === undefined || start.dtype !== limitValue.dtype || start.dtype !== delta.dtype) return undefined;
    const [from = 0, to = 0, step = 0] = [start, limitValue, delta].map((value) => value.data[0]);
    const length = step === 0 ? Number.POSITIVE_INFINITY : Math.max(0, Math.ceil((to - from) / step));
    if (!(length <= limit)) return undefined;
    return start.dtype === "bool" ? undefined : valueFrom(start.dtype, [length], Array.from({ length }, (_, i) => from + i * step));
  },
  MatrixBandPart: ([x, lower, upper]) => {
    const [rows, columns] = x?.shape.slice(-2) ?? [];
    if (x === undefined || lower === undefined || upper === undefined || rows === undefined || columns === undefined) return undefined;
    const [below = 0] = numbers(lower);
    const [above = 0] = numbers(upper);
    const inBand = (i: number): boolean => {
      const distance = (Math.floor(i / columns) % rows) - (i % columns);
      return (below < 0 || distance <= below) && (above < 0 || -distance <= above);
    };
    return valueFrom(x.dtype, x.shape, x.data.map((value, i) => (inBand(i) ? value : 0)));
  },
};

function numbers({ data }: Value): number[] {
  return Array.from(data);
}

function atAxis(axis: number | undefined, rank: number): number | undefined {
  const at = axis === undefined || axis >= 0 ? axis : axis + rank;
  return at !== undefined && at >= 0 && at < rank ? at : undefined;
}

function filled(dtype: Value["dtype"], shape: readonly number[], value: 0 | 1): Value {
  const all = valueFrom(dtype, shape, { length: elementCount(shape) });
  all.data.fill(value);
  return all;
}

/** To what the engine computes a type in: every integer as int32, every float as float32. */
function cast(x: Value, type: string | undefined): Value | undefined {
  const dtype = type === undefined ? undefined : dtypeOfProto(type);
  const target = dtype === undefined ? null : DTYPES[dtype].engine;
  if (target === x.dtype) return dtype === "float16" || dtype === "bfloat16" ? undefined : x;
  const { shape } = x;
  switch (target) {
    case "float32":
      return dtype === "float32" || dtype === "float64" ? floats(shape, Float32Array.from(x.data)) : undefined;
    case "int32":
      // What a float beyond the integers' range becomes differs from machine to machine.
      return (dtype === "int32" || dtype === "int64") && x.data.every((value) => Math.abs(value) < 2 ** 31) ? ints(shape, Int32Array.from(x.data, Math.trunc)) : undefined;
    case "bool":
      return bools(shape, Uint8Array.from(x.data, (value) => (value === 0 ? 0 : 1)));
    default:
      return undefined;
  }
}

function reshape(x: Value, sizes: readonly number[]): Value | undefined {
  const open = sizes.indexOf(-1);
  if (open < 0) return reshaped(x, sizes);
  const rest = elementCount(sizes.toSpliced(open, 1));
  return rest > 0 && x.data.length % rest === 0 ? reshaped(x, sizes.toSpliced(open, 1, x.data.length / rest)) : undefined;
}

/** Row-major: how far apart neighbours along each axis lie. */
function strides(shape: readonly number[]): number[] {
  const steps: number[] = [];
  for (let axis = shape.length - 1, step = 1; axis >= 0; axis--) {
    steps.unshift(step);
    step *= shape[axis] ?? 1;
  }
  return steps;
}

/** For each element of `shape` the sum over the axes of `steps[axis]` times what `at` makes of its position there. */
function places(shape: readonly number[], steps: readonly number[], at: (position: number, axis: number) => number): Int32Array {
  const out = new Int32Array(elementCount(shape));
  for (let axis = shape.length - 1, inner = 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    const step = steps[axis] ?? 0;
    for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) + step * at(Math.floor(i / inner) % size, axis);
    inner *= size;
  }
  return out;
}

function transpose(x: Value, perm: readonly number[]): Value | undefined {
  if (perm.length !== x.shape.length || new Set(perm).size !== perm.length || perm.some((axis) => axis < 0 || axis >= perm.length)) return undefined;
  const own = strides(x.shape);
  const shape = perm.map((axis) => x.shape[axis] ?? 1);
  return pick(x, shape, places(shape, perm.map((axis) => own[axis] ?? 0), (position) => position));
}

function concat(parts: readonly Value[], at: number): Value | undefined {
  const [first] = parts;
  if (first === undefined) return undefined;
  const rest = (shape: readonly number[]): string => String(shape.toSpliced(at, 1));
  if (parts.some(({ dtype, shape }) => dtype !== first.dtype || shape.length !== first.shape.length || rest(shape) !== rest(first.shape))) return undefined;
  const shape = first.shape.with(at, parts.reduce((sum, part) => sum + (part.shape[at] ?? 0), 0));
  const outer = elementCount(first.shape.slice(0, at));
  const data = Array.from({ length: outer }, (_, row) => parts.map(({ data }) => data.subarray((row * data.length) / outer, ((row + 1) * data.length) / outer))).flat();
  const all = filled(first.dtype, shape, 0);
  let from = 0;
  for (const piece of data) {
    all.data.set(piece, from);
    from += piece.length;
  }
  return all;
}

interface SliceMasks {
  readonly begin: number;
  readonly end: number;
  readonly shrink: number;
}

function stridedSlice(x: Value, begin: readonly number[], end: readonly number[], steps: readonly number[], masks: SliceMasks): Value | undefined {
  const from: number[] = [];
  const counts: number[] = [];
  const by: number[] = [];
  for (const [axis, size] of x.shape.entries()) {
    const step = steps[axis] ?? 1;
    const has = (mask: number): boolean => axis >= begin.length || (mask & (1 << axis)) !== 0;
    const clamp = (at: number): number => Math.min(Math.max(at < 0 ? at + size : at, step > 0 ? 0 : -1), step > 0 ? size : size - 1);
    if (step === 0) return undefined;
    if (axis < begin.length && (masks.shrink & (1 << axis)) !== 0) {
      const at = begin[axis] ?? 0;
      const place = at < 0 ? at + size : at;
      if (place < 0 || place >= size) return undefined;
      from.push(place);
      counts.push(1);
      by.push(1);
      continue;
    }
    const first = has(masks.begin) ? (step > 0 ? 0 : size - 1) : clamp(begin[axis] ?? 0);
    const last = has(masks.end) ? (step > 0 ? size : -1) : clamp(end[axis] ?? 0);
    from.push(first);
    counts.push(Math.max(0, Math.ceil((last - first) / step)));
    by.push(step);
  }
  const shape = counts.filter((_, axis) => axis >= begin.length || (masks.shrink & (1 << axis)) === 0);
  return begin.length > x.shape.length ? undefined : cut(x, from, counts, by, shape);
}

/** `counts` elements along each axis, from `from` on, every `by`-th, in the shape `shape`. */
function cut(x: Value, from: readonly number[], counts: readonly number[], by: readonly number[], shape: readonly number[]): Value | undefined {
  for (const [axis, size] of x.shape.entries()) {
    const [first = 0, count = 0, step = 1] = [from[axis], counts[axis], by[axis]];
    const last = first + (count - 1) * step;
    if (count < 0 || (count > 0 && (first < 0 || first >= size || last < 0 || last >= size))) return undefined;
  }
  return pick(x, shape, places(counts, strides(x.shape), (at, axis) => (from[axis] ?? 0) + at * (by[axis] ?? 1)));
}

function gather(x: Value, indexShape: readonly number[], indices: Int32Array, at: number, limit: number): Value | undefined {
  const size = x.shape[at] ?? 0;
  const shape = x.shape.toSpliced(at, 1, ...indexShape);
  if (elementCount(shape) > limit || indices.some((index) => index < 0 || index >= size)) return undefined;
  const inner = elementCount(x.shape.slice(at + 1));
  const rows = Array.from({ length: elementCount(x.shape.slice(0, at)) }, (_, outer) => Array.from(indices, (index) => (outer * size + index) * inner)).flat();
  const out = new Int32Array(rows.length * inner);
  rows.forEach((start, row) => {
    for (let i = 0; i < inner; i++) out[row * inner + i] = start + i;
  });
  return pick(x, shape, out);
}
