import { boolOf, intOf, intsOf, textOf, typeOf } from "./attrs.ts";
import { broadcastShape } from "./fold-elementwise.ts";
import type { GraphNode } from "./graph.ts";
import { inputsFirst, type Body } from "./optimise-body.ts";

/** Sizes of axes, or the elements of a tensor of sizes; undefined where only a request tells. */
export type Sizes = readonly (number | undefined)[];

/** What is known of a node's first output before any request. */
export interface Known {
  readonly shape: Sizes;
  /** The elements, of integers without or with one axis. */
  readonly values?: Sizes | undefined;
}

type Rule = (node: GraphNode, known: (input: number) => Known | undefined, count: number) => Known | undefined;

/** More than this many elements are no sizes. */
const MOST_VALUES = 64;

/**
 * What is known of shapes, from placeholders on: TF.js takes no feed of another shape than its placeholder's. An op that is not
 * among the rules, and what is fed, may have any shape.
 */
export function sizesOf(body: Body): ReadonlyMap<string, Known> {
  const all = new Map<string, Known>();
  for (const node of inputsFirst(body)) {
    const rule = Object.hasOwn(RULES, node.op) ? RULES[node.op] : undefined;
    const opaque = !body.isFree(node) || (body.isKept(node) && node.op !== "Placeholder");
    const result = node.op === "Const" ? constant(node, body) : opaque ? undefined : rule?.(node, (input) => all.get(node.inputs[input] ?? ""), node.inputs.length);
    if (result !== undefined) all.set(node.name, result);
  }
  return all;
}

function constant({ name }: GraphNode, body: Body): Known | undefined {
  const shape = body.shape(name);
  if (shape === undefined) return undefined;
  const few = shape.length <= 1 && (shape[0] ?? 1) <= MOST_VALUES ? body.value(name) : undefined;
  return { shape, values: few?.dtype === "int32" ? [...few.data] : undefined };
}

const same: Rule = (_, known) => known(0);
const shapeOnly: Rule = (_, known) => ofShape(known(0)?.shape);
const wide: Rule = (_, known, count) => {
  let shape = known(0)?.shape;
  for (let i = 1; i < count; i++) shape = broadcast(shape, known(i)?.shape);
  return ofShape(shape);
};
const reduced: Rule = ({ op, attrs }, known) => {
  const [x, axes] = [known(0), known(1)?.values];
  if (x === undefined || axes === undefined) return undefined;
  const rank = x.shape.length;
  const gone = new Set(axes.map((axis) => (axis !== undefined && axis < 0 ? axis + rank : axis)));
  if (gone.has(undefined)) return undefined;
  const keeps = boolOf(attrs, "keep_dims", false);
  const shape = x.shape.flatMap((size, axis) => (gone.has(axis) ? (keeps ? [1] : []) : [size]));
  const values = op === "Prod" && shape.length === 0 && gone.size > 0 ? product(x.values) : undefined;
  return { shape, values: values === undefined ? undefined : [values] };
};
const convolved: Rule = ({ op, attrs }, known) => {
  const [x, filter] = [known(0)?.shape, known(1)?.shape];
  if (x?.length !== 4 || filter?.length !== 4 || textOf(attrs, "data_format", "NHWC") !== "NHWC") return undefined;
  const channels = /[Dd]epthwise/.test(op) ? product(filter.slice(2)) : filter[3];
  return ofShape([x[0], ...[1, 2].map((axis) => slid(attrs, x[axis], filter[axis - 1], axis)), channels]);
};
const pooled: Rule = ({ attrs }, known) => {
  const x = known(0)?.shape;
  const kernel = intsOf(attrs, "ksize");
  if (x?.length !== 4 || kernel === undefined || textOf(attrs, "data_format", "NHWC") !== "NHWC") return undefined;
  return ofShape([x[0], ...[1, 2].map((axis) => slid(attrs, x[axis], kernel[axis], axis)), x[3]]);
};

const RULES: Readonly<Record<string, Rule>> = {
  ...each("Identity StopGradient Snapshot", same),
  ...each("Abs BiasAdd Ceil Cos Elu Erf Exp Floor FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 LeakyRelu Log Log1p LogSoftmax LogicalNot Neg OnesLike Prelu Reciprocal Relu Relu6 Round Rsqrt Selu Sigmoid Sign Sin Softmax Softplus Sqrt Square Tanh ZerosLike", shapeOnly),
  ...each("Add AddV2 Div DivNoNan Equal FloorDiv FloorMod Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr Maximum Minimum Mul NotEqual Pow RealDiv SelectV2 SquaredDifference Sub", wide),
  ...each("All Any Max Mean Min Prod Sum", reduced),
  ...each("Conv2D _FusedConv2D DepthwiseConv2dNative FusedDepthwiseConv2dNative", convolved),
  ...each("AvgPool MaxPool", pooled),
  Placeholder: ({ attrs }) => {
    const shape = attrs["shape"]?.shape;
    return shape === undefined || shape.unknownRank === true ? undefined : ofShape((shape.dim ?? []).map(({ size }) => (Number(size) < 0 ? undefined : Number(size))));
  },
  Cast: ({ attrs }, known) => {
    const x = known(0);
    const type = typeOf(attrs, "DstT");
    return type === "DT_INT32" || type === "DT_INT64" ? x : ofShape(x?.shape);
  },
  Shape: (_, known) => {
    const x = known(0);
    return x === undefined ? undefined : { shape: [x.shape.length], values: x.shape };
  },
  Rank: (_, known) => {
    const x = known(0);
    return x === undefined ? undefined : { shape: [], values: [x.shape.length] };
  },
  Size: (_, known) => {
    const x = known(0);
    return x === undefined ? undefined : { shape: [], values: [product(x.shape)] };
  },
  MatMul: ({ attrs }, known) => product2(known(0)?.shape, known(1)?.shape, boolOf(attrs, "transpose_a", false), boolOf(attrs, "transpose_b", false)),
  _FusedMatMul: ({ attrs }, known) => product2(known(0)?.shape, known(1)?.shape, boolOf(attrs, "transpose_a", false), boolOf(attrs, "transpose_b", false)),
  BatchMatMulV2: ({ attrs }, known) => {
    const [a, b] = [known(0)?.shape, known(1)?.shape];
    const outer = broadcast(a?.slice(0, -2), b?.slice(0, -2));
    const inner = product2(a?.slice(-2), b?.slice(-2), boolOf(attrs, "adj_x", false), boolOf(attrs, "adj_y", false));
    return outer === undefined || inner === undefined ? undefined : ofShape([...outer, ...inner.shape]);
  },
  Transpose: (_, known) => {
    const [x, perm] = [known(0)?.shape, known(1)?.values];
    return x === undefined || perm?.length !== x.length ? undefined : ofShape(perm.map((axis) => (axis === undefined ? undefined : x[axis])));
  },
  Reshape: (_, known) => {
    const sizes = known(1)?.values;
    if (sizes === undefined) return undefined;
    const rest = product(sizes.filter((size) => size !== -1));
    const total = product(known(0)?.shape);
    const open = rest === undefined || total === undefined || rest === 0 ? undefined : total / rest;
    return ofShape(sizes.map((size) => (size === -1 ? open : size)));
  },
  ExpandDims: (_, known) => {
    const [x, axis] = [known(0), known(1)?.values?.[0]];
    if (x === undefined || axis === undefined) return undefined;
    const at = axis < 0 ? axis + x.shape.length + 1 : axis;
    return { shape: [...x.shape.slice(0, at), 1, ...x.shape.slice(at)], values: x.shape.length === 0 ? x.values : undefined };
  },
  Squeeze: ({ attrs }, known) => {
    const x = known(0);
    const axes = intsOf(attrs, "squeeze_dims") ?? intsOf(attrs, "axis") ?? [];
    if (x === undefined || (axes.length === 0 && x.shape.includes(undefined))) return undefined;
    const gone = new Set(axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis)));
    return ofShape(x.shape.filter((size, axis) => (axes.length === 0 ? size !== 1 : !gone.has(axis))));
  },
  GatherV2: ({ attrs }, known) => {
    const [x, indices, axis] = [known(0), known(1), known(2)?.values?.[0]];
    if (x === undefined || indices === undefined || axis === undefined || intOf(attrs, "batch_dims", 0) !== 0) return undefined;
    const at = axis < 0 ? axis + x.shape.length : axis;
    const values = x.shape.length === 1 ? indices.values?.map((index) => (index === undefined ? undefined : x.values?.[index])) : undefined;
    return { shape: [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)], values: x.values === undefined ? undefined : values };
  },
  ConcatV2: (_, known, count) => {
    const parts = Array.from({ length: count - 1 }, (_, i) => known(i));
    const axis = known(count - 1)?.values?.[0];
    const [first] = parts;
    if (axis === undefined || first === undefined || parts.includes(undefined)) return undefined;
    const at = axis < 0 ? axis + first.shape.length : axis;
    const long = parts.reduce<number | undefined>((sum, part) => add(sum, part?.shape[at]), 0);
    const values = first.shape.length === 1 && parts.every((part) => part?.values !== undefined) ? parts.flatMap((part) => part?.values ?? []) : undefined;
    return { shape: first.shape.map((size, i) => (i === at ? long : size)), values };
  },
  Pack: ({ attrs }, known, count) => {
    const parts = Array.from({ length: count }, (_, i) => known(i));
    const first = parts.find((part) => part !== undefined);
    if (first === undefined) return undefined;
    const axis = intOf(attrs, "axis", 0);
    const at = axis < 0 ? axis + first.shape.length + 1 : axis;
    // A size of the batch is a number that is not known, which is something to know.
    const values = first.shape.length === 0 ? parts.map((part) => part?.values?.[0]) : undefined;
    return { shape: [...first.shape.slice(0, at), count, ...first.shape.slice(at)], values };
  },
  StridedSlice: ({ attrs }, known) => {
    const x = known(0);
    const [begin, end, step] = [1, 2, 3].map((input) => known(input)?.values);
    const mask = (name: string): boolean => (intOf(attrs, name, 0) & 1) !== 0;
    if (x?.values === undefined || x.shape.length !== 1 || begin?.length !== 1 || end?.length !== 1 || step?.[0] !== 1) return undefined;
    if (intOf(attrs, "ellipsis_mask", 0) !== 0 || intOf(attrs, "new_axis_mask", 0) !== 0) return undefined;
    const [from, to] = [mask("begin_mask") ? 0 : begin[0], mask("end_mask") ? x.values.length : end[0]];
    if (from === undefined || to === undefined) return undefined;
    if (mask("shrink_axis_mask")) return { shape: [], values: [x.values.at(from)] };
    const values = x.values.slice(from, to);
    return { shape: [values.length], values };
  },
  Fill: (_, known) => ofShape(known(0)?.values),
  BroadcastTo: (_, known) => ofShape(known(1)?.values),
  Pad: (_, known) => ofShape(known(0)?.shape.map(() => undefined)),
};

function each(ops: string, rule: Rule): Record<string, Rule> {
  return Object.fromEntries(ops.split(" ").map((op) => [op, rule]));
}

function ofShape(shape: Sizes | undefined): Known | undefined {
  return shape === undefined ? undefined : { shape };
}

function add(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a + b;
}

function product(sizes: Sizes | undefined): number | undefined {
  return sizes?.reduce<number | undefined>((all, size) => (all === undefined || size === undefined ? undefined : all * size), 1);
}

function product2(a: Sizes | undefined, b: Sizes | undefined, turnA: boolean, turnB: boolean): Known | undefined {
  return a?.length === 2 && b?.length === 2 ? ofShape([turnA ? a[1] : a[0], turnB ? b[0] : b[1]]) : undefined;
}

/** An axis of 1 takes the other's size; one that is not known may be 1, unless the other is larger. */
function broadcast(a: Sizes | undefined, b: Sizes | undefined): Sizes | undefined {
  if (a === undefined || b === undefined) return undefined;
  const whole = broadcastShape(a.map((size) => size ?? 1), b.map((size) => size ?? 1));
  return whole?.map((size, axis) => {
    const [m, n] = [a, b].map((sizes) => (axis - whole.length + sizes.length < 0 ? 1 : sizes[axis - whole.length + sizes.length]));
    return (m === undefined || n === undefined) && size === 1 ? undefined : size;
  });
}

/** How often a window fits along an axis. */
function slid(attrs: GraphNode["attrs"], size: number | undefined, window: number | undefined, axis: number): number | undefined {
  const stride = intsOf(attrs, "strides")?.[axis];
  if (size === undefined || window === undefined || stride === undefined) return undefined;
  const wide = (window - 1) * (intsOf(attrs, "dilations")?.[axis] ?? 1) + 1;
  switch (textOf(attrs, "padding", "")) {
    case "SAME":
      return Math.ceil(size / stride);
    case "VALID":
      return Math.ceil((size - wide + 1) / stride);
    default:
      return undefined;
  }
}
