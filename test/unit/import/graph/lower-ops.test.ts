import { describe, expect, test } from "vitest";
import type { DType } from "../../../../protocol/dtype.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";
import { answersOf, graphModel, importWritten } from "../../../support/run-saved-model.ts";
import type { GraphWriter } from "../../../support/saved-model-writer/graph-writer.ts";
import { attr, tensor, type Proto } from "../../../support/saved-model-writer/protos.ts";

/** What TensorFlow computes, reckoned by hand; each is wrong, refused or a crash in TF.js 4.22 as it stands, on one backend or both. */
interface Case {
  readonly what: string;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly body: (graph: GraphWriter, inputs: readonly string[]) => string | readonly [string, DType] | Readonly<Record<string, readonly [string, DType]>>;
  readonly shape?: readonly number[];
  readonly values?: readonly unknown[];
  readonly all?: Readonly<Record<string, readonly [shape: readonly number[], values: readonly unknown[]]>>;
}

const F = { T: attr.type("float32") };
const I = { T: attr.type("int32") };
const B = { T: attr.type("bool") };
const bools = (shape: readonly number[], values: readonly number[]): Tensor => ({ dtype: "bool", shape, data: Uint8Array.from(values) });
const near = (x: number): unknown => expect.closeTo(x, 4);
const { float, int, strings } = tensor;
const nine = float([3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
const band = (lower: number, upper: number, T: Proto = F) => (graph: GraphWriter, [x = ""]: readonly string[]): string => graph.op("MatrixBandPart", [x, graph.constant(int([], [lower])), graph.constant(int([], [upper]))], { ...T, Tindex: attr.type("int32") });
const einsum = (equation: string) => (graph: GraphWriter, inputs: readonly string[]): string => graph.op("Einsum", inputs, { ...F, N: attr.int(inputs.length), equation: attr.text(equation) });

const boxes = float([3, 4], [0, 0, 1, 1, 0, 0, 1, 1.01, 5, 5, 6, 6]);
const oneHot = (dtype: DType, on: number, off: number) => (graph: GraphWriter, [i = ""]: readonly string[]): string => graph.op("OneHot", [i, graph.constant(int([], [2])), graph.constant(float([], [on])), graph.constant(float([], [off]))], { T: attr.type(dtype), TI: attr.type("int32"), axis: attr.int(-1) });
const suppression = (op: string, count: number, pad: boolean, sigma = 0) => (graph: GraphWriter, [box = "", score = ""]: readonly string[]): Readonly<Record<string, readonly [string, DType]>> => {
  const numbers = [graph.constant(int([], [count])), ...[0.5, 0, ...(op === "NonMaxSuppressionV5" ? [sigma] : [])].map((x) => graph.constant(float([], [x])))];
  const node = graph.op(op, [box, score, ...numbers], { ...F, T_threshold: attr.type("float32"), pad_to_max_output_size: attr.bool(pad) });
  return op === "NonMaxSuppressionV5"
    ? { indices: [node, "int32"], scores: [graph.output(node, 1), "float32"], valid: [graph.output(node, 2), "int32"] }
    : { indices: [node, "int32"], valid: [graph.output(node, 1), "int32"] };
};

const CASES: readonly Case[] = [
  { what: "Erfc", inputs: { x: float([2], [0, 1]) }, body: (graph, inputs) => graph.op("Erfc", inputs, F), shape: [2], values: [near(1), near(0.1573)] },
  { what: "MatrixBandPart, lower triangle", inputs: { x: nine }, body: band(-1, 0), shape: [3, 3], values: [1, 0, 0, 4, 5, 0, 7, 8, 9] },
  { what: "MatrixBandPart, upper triangle", inputs: { x: nine }, body: band(0, -1), shape: [3, 3], values: [1, 2, 3, 0, 5, 6, 0, 0, 9] },
  { what: "MatrixBandPart, a band", inputs: { x: nine }, body: band(1, 0), shape: [3, 3], values: [1, 0, 0, 4, 5, 0, 0, 8, 9] },
  { what: "MatrixBandPart, everything", inputs: { x: nine }, body: band(-1, -1), shape: [3, 3], values: [1, 2, 3, 4, 5, 6, 7, 8, 9] },
  { what: "MatrixBandPart of wide matrices in a batch", inputs: { x: float([2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) }, body: band(0, 1), shape: [2, 2, 3], values: [1, 2, 0, 0, 5, 6, 7, 8, 0, 0, 11, 12] },
  { what: "MatrixBandPart of bools", inputs: { x: bools([2, 2], [1, 1, 1, 1]) }, body: (graph, inputs) => [band(-1, 0, B)(graph, inputs), "bool"], shape: [2, 2], values: [1, 0, 1, 1] },
  {
    what: "MatrixBandPart with bounds that are fed", inputs: { x: nine, lower: int([], [0]), upper: int([], [-1]) },
    body: (graph, inputs) => graph.op("MatrixBandPart", inputs, { ...F, Tindex: attr.type("int32") }), shape: [3, 3], values: [1, 2, 3, 0, 5, 6, 0, 0, 9],
  },
  {
    what: "MatrixDiagV3", inputs: { x: float([2], [5, 7]) },
    body: (graph, [x = ""]) => graph.op("MatrixDiagV3", [x, ...[0, -1, -1].map((n) => graph.constant(int([], [n]))), graph.constant(float([], [0]))], F), shape: [2, 2], values: [5, 0, 0, 7],
  },
  { what: "LogicalXor", inputs: { a: bools([4], [0, 0, 1, 1]), b: bools([4], [0, 1, 0, 1]) }, body: (graph, inputs) => [graph.op("LogicalXor", inputs), "bool"], shape: [4], values: [0, 1, 1, 0] },
  { what: "BatchMatMulV3", inputs: { a: float([1, 1, 2], [1, 2]), b: float([1, 2, 1], [3, 4]) }, body: (graph, inputs) => graph.op("BatchMatMulV3", inputs, { Ta: attr.type("float32"), Tb: attr.type("float32"), Tout: attr.type("float32") }), shape: [1, 1, 1], values: [11] },
  { what: "Reverse of bools", inputs: { x: bools([3], [1, 0, 0]) }, body: (graph, [x = ""]) => [graph.op("ReverseV2", [x, graph.constant(int([1], [0]))], B), "bool"], shape: [3], values: [0, 0, 1] },
  {
    what: "StridedSlice of bools", inputs: { x: bools([5], [1, 0, 1, 0, 1]) },
    body: (graph, [x = ""]) => [graph.op("StridedSlice", [x, ...[[1], [5], [2]].map((n) => graph.constant(int([1], n)))], { ...B, Index: attr.type("int32") }), "bool"], shape: [2], values: [0, 0],
  },
  {
    what: "StridedSlice of integers, in steps", inputs: { x: int([5], [-2_147_483_648, 0, 2_147_483_647, 0, -65_537]) },
    body: (graph, [x = ""]) => [graph.op("StridedSlice", [x, ...[[0], [5], [2]].map((n) => graph.constant(int([1], n)))], { ...I, Index: attr.type("int32") }), "int32"], shape: [3], values: [-2_147_483_648, 2_147_483_647, -65_537],
  },
  { what: "SelectV2 of bools", inputs: { c: bools([2], [1, 0]), a: bools([2], [0, 0]), b: bools([2], [1, 1]) }, body: (graph, inputs) => [graph.op("SelectV2", inputs, B), "bool"], shape: [2], values: [0, 1] },
  { what: "Mod of negatives", inputs: { a: int([2], [-7, 7]), b: int([2], [3, -3]) }, body: (graph, inputs) => [graph.op("Mod", inputs, I), "int32"], shape: [2], values: [-1, 1] },
  { what: "whole quotients of negatives", inputs: { a: int([2], [-7, 7]), b: int([2], [2, -2]) }, body: (graph, inputs) => [graph.op("Div", inputs, I), "int32"], shape: [2], values: [-3, -3] },
  { what: "Select by a vector: rows", inputs: { c: bools([2], [1, 0]), a: float([2, 2], [1, 2, 3, 4]), b: float([2, 2], [5, 6, 7, 8]) }, body: (graph, inputs) => graph.op("Select", inputs, F), shape: [2, 2], values: [1, 2, 7, 8] },
  { what: "Select element by element", inputs: { c: bools([2, 2], [1, 0, 0, 1]), a: float([2, 2], [1, 2, 3, 4]), b: float([2, 2], [5, 6, 7, 8]) }, body: (graph, inputs) => graph.op("Select", inputs, F), shape: [2, 2], values: [1, 6, 7, 4] },
  { what: "Select of bools by a scalar", inputs: { c: bools([], [0]), a: bools([2], [1, 1]), b: bools([2], [0, 1]) }, body: (graph, inputs) => [graph.op("Select", inputs, B), "bool"], shape: [2], values: [0, 1] },
  {
    what: "ShapeN, as integers", inputs: { a: float([2, 3], [1, 2, 3, 4, 5, 6]), b: float([1], [0]) },
    body: (graph, inputs) => { const node = graph.op("ShapeN", inputs, { ...F, N: attr.int(2) }); return { a: [node, "int32"], b: [graph.output(node, 1), "int32"] }; },
    all: { a: [[2], [2, 3]], b: [[1], [1]] },
  },
  { what: "EnsureShape", inputs: { x: float([2], [1, 2]) }, body: (graph, inputs) => graph.op("EnsureShape", inputs, { ...F, shape: attr.shape([-1]) }), shape: [2], values: [1, 2] },
  { what: "Softsign", inputs: { x: float([2], [-1, 3]) }, body: (graph, inputs) => graph.op("Softsign", inputs, F), shape: [2], values: [-0.5, 0.75] },
  { what: "L2Loss", inputs: { x: float([2, 2], [1, 2, 3, 4]) }, body: (graph, inputs) => graph.op("L2Loss", inputs, F), shape: [], values: [15] },
  { what: "Einsum, a matrix product", inputs: { a: float([1, 2], [1, 2]), b: float([2, 1], [3, 4]) }, body: einsum("ij,jk->ik"), shape: [1, 1], values: [11] },
  { what: "Einsum, attention's scores", inputs: { q: float([1, 2, 1, 2], [1, 0, 0, 1]), k: float([1, 2, 1, 2], [1, 2, 3, 4]) }, body: einsum("aecd,abcd->acbe"), shape: [1, 1, 2, 2], values: [1, 2, 3, 4] },
  { what: "Einsum, two axes at once", inputs: { a: float([1, 2, 2], [1, 2, 3, 4]), b: float([2, 2, 1], [1, 1, 1, 1]) }, body: einsum("abc,bcd->ad"), shape: [1, 1], values: [10] },
  { what: "Einsum, into two axes", inputs: { a: float([1, 2], [1, 2]), b: float([2, 2, 2], [1, 0, 0, 1, 1, 1, 0, 0]) }, body: einsum("ab,bcd->acd"), shape: [1, 2, 2], values: [3, 2, 0, 1] },
  { what: "Einsum, an outer product", inputs: { a: float([2], [1, 2]), b: float([2], [3, 4]) }, body: einsum("a,b->ab"), shape: [2, 2], values: [3, 4, 6, 8] },
  { what: "Einsum, element by element", inputs: { a: float([2], [1, 2]), b: float([2], [3, 4]) }, body: einsum("a,a->a"), shape: [2], values: [3, 8] },
  { what: "Einsum, to a scalar", inputs: { a: float([2], [1, 2]), b: float([2], [3, 4]) }, body: einsum("a,a->"), shape: [], values: [11] },
  { what: "Einsum, an axis that only one has", inputs: { a: float([2, 2], [1, 2, 3, 4]), b: float([1], [2]) }, body: einsum("ab,c->a"), shape: [2], values: [6, 14] },
  { what: "Einsum of one, transposed and summed", inputs: { a: float([2, 1, 2], [1, 2, 3, 4]) }, body: einsum("abc->cb"), shape: [2, 1], values: [4, 6] },
  { what: "Einsum with capital letters", inputs: { a: float([1, 2], [1, 2]), b: float([2, 1], [3, 4]) }, body: einsum("aA,Ab->ab"), shape: [1, 1], values: [11] },
  { what: "NonMaxSuppressionV4 padded beyond the boxes", inputs: { boxes, scores: float([3], [0.9, 0.8, 0.7]) }, body: suppression("NonMaxSuppressionV4", 5, true), all: { indices: [[5], [0, 2, 0, 0, 0]], valid: [[], [2]] } },
  { what: "NonMaxSuppressionV4 without padding", inputs: { boxes, scores: float([3], [0.9, 0.8, 0.7]) }, body: suppression("NonMaxSuppressionV4", 5, false), all: { indices: [[2], [0, 2]], valid: [[], [2]] } },
  { what: "NonMaxSuppressionV5 padded", inputs: { boxes, scores: float([3], [0.9, 0.8, 0.7]) }, body: suppression("NonMaxSuppressionV5", 4, true), all: { indices: [[4], [0, 2, 0, 0]], scores: [[4], [near(0.9), near(0.7), 0, 0]], valid: [[], [2]] } },
  { what: "NonMaxSuppressionV5, soft: overlaps lower scores, and leave nothing out", inputs: { boxes, scores: float([3], [0.9, 0.8, 0.7]) }, body: suppression("NonMaxSuppressionV5", 3, false, 0.5), all: { indices: [[3], [0, 2, 1]], scores: [[3], [near(0.9), near(0.7), expect.closeTo(0.8 * Math.exp(-((1 / 1.01) ** 2)), 3)]], valid: [[], [3]] } },
  { what: "OneHot of floats", inputs: { i: int([3], [1, 0, 5]) }, body: oneHot("float32", 1, 0), shape: [3, 2], values: [0, 1, 1, 0, 0, 0] },
  { what: "OneHot with values of its own", inputs: { i: int([2], [1, 0]) }, body: oneHot("float32", 0.75, -0.5), shape: [2, 2], values: [-0.5, 0.75, 0.75, -0.5] },
  { what: "OneHot of bools", inputs: { i: int([2], [1, 0]) }, body: (graph, [i = ""]) => [graph.op("OneHot", [i, graph.constant(int([], [2])), graph.constant(bools([], [1])), graph.constant(bools([], [0]))], { T: attr.type("bool"), TI: attr.type("int32"), axis: attr.int(-1) }), "bool"], shape: [2, 2], values: [0, 1, 1, 0] },
  {
    what: "TensorScatterUpdate, which leaves its input alone", inputs: { x: float([3], [1, 2, 3]) },
    body: (graph, [x = ""]) => ({ x: [graph.op("Identity", [x], F), "float32"], y: [graph.op("TensorScatterUpdate", [x, graph.constant(int([1, 1], [1])), graph.constant(float([1], [9]))], { ...F, Tindices: attr.type("int32") }), "float32"], z: [graph.op("Neg", [x], F), "float32"] }),
    all: { x: [[3], [1, 2, 3]], y: [[3], [1, 9, 3]], z: [[3], [-1, -2, -3]] },
  },
  {
    what: "GatherV2 within batches", inputs: { x: float([2, 3], [1, 2, 3, 4, 5, 6]), i: int([2, 2], [2, 0, 0, 1]) },
    body: (graph, [x = "", i = ""]) => graph.op("GatherV2", [x, i, graph.constant(int([], [1]))], { Tparams: attr.type("float32"), Tindices: attr.type("int32"), Taxis: attr.type("int32"), batch_dims: attr.int(1) }),
    shape: [2, 2], values: [3, 1, 4, 5],
  },
  { what: "Roll", inputs: { x: float([2, 3], [1, 2, 3, 4, 5, 6]) }, body: (graph, [x = ""]) => graph.op("Roll", [x, graph.constant(int([2], [1, -1])), graph.constant(int([2], [0, 1]))], { ...F, Tshift: attr.type("int32"), Taxis: attr.type("int32") }), shape: [2, 3], values: [5, 6, 4, 2, 3, 1] },
  { what: "SpaceToDepth", inputs: { x: float([1, 2, 2, 1], [1, 2, 3, 4]) }, body: (graph, inputs) => graph.op("SpaceToDepth", inputs, { ...F, block_size: attr.int(2) }), shape: [1, 1, 1, 4], values: [1, 2, 3, 4] },
  { what: "Einsum with axes of any number in front", inputs: { a: float([2, 1, 2], [1, 2, 3, 4]), b: float([2, 1], [10, 1]) }, body: einsum("...x,xy->...y"), shape: [2, 1, 1], values: [12, 34] },
  { what: "Einsum with axes of any number in front of both", inputs: { a: float([2, 1, 2], [1, 2, 3, 4]), b: float([2, 1, 2], [1, 0, 0, 1]) }, body: einsum("...ij,...kj->...ik"), shape: [2, 1, 1], values: [1, 4] },
  { what: "Einsum with nothing in front", inputs: { a: float([2], [1, 2]), b: float([2, 1], [3, 4]) }, body: einsum("...x,xy->...y"), shape: [1], values: [11] },
  { what: "Bucketize", inputs: { x: float([4], [-1, 0, 0.5, 7]) }, body: (graph, [x = ""]) => [graph.op("Bucketize", [x], { ...F, boundaries: attr.floats([0, 1]) }), "int32"], shape: [4], values: [0, 1, 1, 2] },
  { what: "UnsortedSegmentSum", inputs: { x: float([3, 2], [1, 2, 3, 4, 5, 6]), ids: int([3], [2, 0, 2]) }, body: (graph, [x = "", ids = ""]) => graph.op("UnsortedSegmentSum", [x, ids, graph.constant(int([], [3]))], { ...F, Tindices: attr.type("int32"), Tnumsegments: attr.type("int32") }), shape: [3, 2], values: [3, 4, 0, 0, 6, 8] },
  { what: "UnsortedSegmentSum, rows of no segment left out", inputs: { x: float([3], [1, 2, 4]), ids: int([3], [-1, 1, 1]) }, body: (graph, [x = "", ids = ""]) => graph.op("UnsortedSegmentSum", [x, ids, graph.constant(int([], [2]))], { ...F, Tindices: attr.type("int32"), Tnumsegments: attr.type("int32") }), shape: [2], values: [0, 6] },
  { what: "SegmentSum", inputs: { x: float([3], [1, 2, 3]), ids: int([3], [0, 0, 1]) }, body: (graph, inputs) => graph.op("SegmentSum", inputs, { ...F, Tindices: attr.type("int32") }), shape: [2], values: [3, 3] },
  {
    what: "rows of two parts, put together again in their order", inputs: { ids: int([3], [3, 0, 2]) },
    body: (graph, [ids = ""]) => {
      const P = { ...I, num_partitions: attr.int(2) };
      const part = graph.op("Cast", [graph.op("Greater", [ids, graph.constant(int([], [1]))], I)], { SrcT: attr.type("bool"), DstT: attr.type("int32") });
      const places = graph.op("DynamicPartition", [graph.op("Range", [graph.constant(int([], [0])), graph.op("Size", [ids], { ...I, out_type: attr.type("int32") }), graph.constant(int([], [1]))], { Tidx: attr.type("int32") }), part], P);
      const wanted = graph.op("DynamicPartition", [ids, part], P);
      const rows = [0, 1].map((at) => graph.op("GatherV2", [graph.constant(float([4, 1], [10, 11, 12, 13])), graph.output(wanted, at), graph.constant(int([], [0]))], { Tparams: attr.type("float32"), Tindices: attr.type("int32"), Taxis: attr.type("int32") }));
      return graph.op("ParallelDynamicStitch", [graph.output(places, 0), graph.output(places, 1), ...rows], { ...F, N: attr.int(2) });
    },
    shape: [3, 1], values: [13, 10, 12],
  },
  {
    what: "FusedBatchNormV3 in training mode (its default)", inputs: { x: float([1, 1, 2, 1], [1, 3]) },
    body: (graph, [x = ""]) => graph.op("FusedBatchNormV3", [x, ...[2, 1, 9, 9].map((n) => graph.constant(float([1], [n])))], { ...F, U: attr.type("float32"), epsilon: attr.float(0) }), shape: [1, 1, 2, 1], values: [near(-1), near(3)],
  },
  {
    what: "FakeQuantWithMinMaxVars", inputs: { x: float([4], [-1, 0.4, 0.6, 9]) },
    body: (graph, [x = ""]) => graph.op("FakeQuantWithMinMaxVars", [x, graph.constant(float([], [0])), graph.constant(float([], [3]))], { num_bits: attr.int(2) }), shape: [4], values: [0, 0, 1, 3],
  },
  {
    what: "channels first", inputs: { x: float([1, 2, 1, 2], [1, 2, 10, 20]) },
    body: (graph, [x = ""]) => {
      const pooled = graph.op("MaxPool", [x], { ...F, ksize: attr.ints([1, 1, 1, 2]), strides: attr.ints([1, 1, 1, 1]), padding: attr.text("VALID"), data_format: attr.text("NCHW") });
      return graph.op("BiasAdd", [pooled, graph.constant(float([2], [100, 200]))], { ...F, data_format: attr.text("NCHW") });
    },
    shape: [1, 2, 1, 1], values: [102, 220],
  },
  {
    what: "Conv2D, channels first, strides and paddings with their axes", inputs: { x: float([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]) },
    body: (graph, [x = ""]) => graph.op("Conv2D", [x, graph.constant(float([1, 1, 1, 1], [10]))], { ...F, strides: attr.ints([1, 1, 1, 2]), padding: attr.text("EXPLICIT"), explicit_paddings: attr.ints([0, 0, 0, 0, 1, 0, 0, 0]), data_format: attr.text("NCHW") }),
    shape: [1, 1, 3, 2], values: [0, 0, 10, 30, 40, 60],
  },
  {
    what: "Tile of constant strings", inputs: { n: int([2], [2, 1]) },
    body: (graph, [n = ""]) => [graph.op("Tile", [graph.constant(strings([1, 2], ["a", "b"])), n], { T: attr.type("string"), Tmultiples: attr.type("int32") }), "string"], shape: [2, 2], values: ["a", "b", "a", "b"],
  },
  {
    what: "gathering labels", inputs: { i: int([2, 1], [2, 0]) },
    body: (graph, [i = ""]) => [graph.op("GatherV2", [graph.constant(strings([3], ["x", "y", "z"])), i, graph.constant(int([], [0]))], { Tparams: attr.type("string"), Tindices: attr.type("int32"), Taxis: attr.type("int32") }), "string"], shape: [2, 1], values: ["z", "x"],
  },
  {
    what: "a choice between texts", inputs: { c: bools([3], [1, 0, 1]) },
    body: (graph, [c = ""]) => [graph.op("SelectV2", [c, graph.constant(strings([], ["yes"])), graph.constant(strings([], ["no"]))], { T: attr.type("string") }), "string"], shape: [3], values: ["yes", "no", "yes"],
  },
  {
    what: "texts of another shape, many times", inputs: { n: int([1], [2]) },
    body: (graph, [n = ""]) => {
      const flat = graph.op("Reshape", [graph.constant(strings([1, 1], ["w"])), graph.constant(int([1], [-1]))], { T: attr.type("string"), Tshape: attr.type("int32") });
      return [graph.op("Tile", [flat, n], { T: attr.type("string"), Tmultiples: attr.type("int32") }), "string"];
    },
    shape: [2], values: ["w", "w"],
  },
];

function modelOf({ inputs, body }: Case) {
  return graphModel(Object.fromEntries(Object.entries(inputs).map(([key, { dtype }]) => [key, dtype])), (graph, references) => {
    const result = body(graph, references);
    if (typeof result === "string") return { y: [result, "float32"] };
    return Array.isArray(result) ? { y: [result[0] as string, result[1] as DType] } : (result as Readonly<Record<string, readonly [string, DType]>>);
  });
}

describe.each(["cpu", "wasm"] as const)("on %s", (backend) => {
  test.each(CASES)("$what", async (one) => {
    const { shape = [], values = [], all = { y: [shape, values] as const } } = one;
    const imported = await importWritten(modelOf(one));
    const expected = Object.fromEntries(Object.entries(all).map(([key, [dims, elements]]) => [key, { shape: dims, values: elements }]));
    expect(await answersOf(imported, "serving_default", one.inputs, backend)).toEqual(expected);
  });
});

describe("what cannot be rewritten is refused, never computed wrongly", () => {
  const unary = (op: string, attrs: Readonly<Record<string, Proto>>, dtype: DType = "float32") => graphModel({ x: dtype }, (graph, [x = ""]) => ({ y: [graph.op(op, [x], attrs), dtype] }));

  test.each([
    ["a pattern with capitals", unary("StaticRegexReplace", { pattern: attr.text("[A-Z]"), rewrite: attr.text("") }, "string"), /StaticRegexReplace \(the node StaticRegexReplace\) has capital letters/],
    ["a rewrite with references", unary("StaticRegexReplace", { pattern: attr.text("(a)"), rewrite: attr.text("\\1") }, "string"), /references in its pattern or rewrite/],
    ["pooling with explicit paddings", unary("MaxPool", { ...F, ksize: attr.ints([1, 2, 2, 1]), strides: attr.ints([1, 1, 1, 1]), padding: attr.text("EXPLICIT"), explicit_paddings: attr.ints([0, 0, 1, 1, 1, 1, 0, 0]) }), /MaxPool .* explicit paddings/],
    ["a quantised range that is not constant", graphModel({ x: "float32", least: "float32", most: "float32" }, (graph, inputs) => ({ y: [graph.op("FakeQuantWithMinMaxVars", inputs, {}), "float32"] })), /range that is not constant/],
    ["OneHot along another axis", graphModel({ x: "int32" }, (graph, [x = ""]) => ({ y: [graph.op("OneHot", [x, graph.constant(int([], [3])), graph.constant(float([], [1])), graph.constant(float([], [0]))], { ...F, TI: attr.type("int32"), axis: attr.int(0) }), "float32"] })), /OneHot .* puts its new axis at 0/],
    ["BitwiseAnd", graphModel({ a: "int32", b: "int32" }, (graph, inputs) => ({ y: [graph.op("BitwiseAnd", inputs, I), "int32"] })), /BitwiseAnd .* gets no operands/],
    ["Einsum of a diagonal", graphModel({ x: "float32" }, (graph, [x = ""]) => ({ y: [graph.op("Einsum", [x], { ...F, N: attr.int(1), equation: attr.text("bii->b") }), "float32"] })), /Einsum .* has the equation bii->b/],
    ["rows put where parts of two ranges may meet", graphModel({ a: "int32", b: "int32", x: "float32" }, (graph, [a = "", b = "", x = ""]) => {
      const rows = (range: string, by: string) => graph.op("GatherNd", [range, graph.op("Where", [graph.op("Equal", [by, graph.constant(int([], [0]))], I)], { T: attr.type("bool") })], { Tparams: attr.type("int32"), Tindices: attr.type("int32") });
      const range = graph.op("Range", [graph.constant(int([], [0])), graph.op("Size", [a], { ...I, out_type: attr.type("int32") }), graph.constant(int([], [1]))], { Tidx: attr.type("int32") });
      const parts = graph.op("IdentityN", [rows(range, a), rows(range, b)], { T: attr.types(["int32", "int32"]) });
      return { y: [graph.op("DynamicStitch", [parts, graph.output(parts, 1), x, x], { ...F, N: attr.int(2) }), "float32"] };
    }), /DynamicStitch \(1 node/],
    ["rows put where only a request says", graphModel({ i: "int32", x: "float32" }, (graph, [i = "", x = ""]) => ({ y: [graph.op("DynamicStitch", [i, x], { ...F, N: attr.int(1) }), "float32"] })), /DynamicStitch \(1 node/],
    ["strings of a request moved about", graphModel({ x: "string", i: "int32" }, (graph, [x = "", i = ""]) => ({ y: [graph.op("GatherV2", [x, i, graph.constant(int([], [0]))], { Tparams: attr.type("string"), Tindices: attr.type("int32"), Taxis: attr.type("int32") }), "string"] })), /GatherV2 .* strings that are not constant/],
    ["an integer beyond 32 bits", graphModel({ x: "int64" }, (graph, [x = ""]) => ({ y: [graph.op("AddV2", [x, graph.constant({ dtype: "int64", shape: [], data: BigInt64Array.of(5_000_000_000n) }, { name: "far" })], { T: attr.type("int64") }), "int64"] })), /the constant far of type int64 holds 5000000000/],
  ] as const)("%s", async (_what, model, message) => {
    await expect(importWritten(model)).rejects.toMatchObject({ code: "MODEL_UNSUPPORTED_OP", message: expect.stringMatching(message) });
  });

  test.each(["cpu", "wasm"] as const)("an index outside of its own batch reads nothing of another one, on %s", async (backend) => {
    const model = graphModel({ x: "float32", i: "int32" }, (graph, [x = "", i = ""]) => ({ y: [graph.op("GatherV2", [x, i, graph.constant(int([], [1]))], { Tparams: attr.type("float32"), Tindices: attr.type("int32"), Taxis: attr.type("int32"), batch_dims: attr.int(1) }), "float32"] }));
    const imported = await importWritten(model);
    const x = float([2, 2], [1, 2, 3, 4]);
    for (const outside of [2, -1]) await expect(answersOf(imported, "serving_default", { x, i: int([2, 1], [outside, 0]) }, backend)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("the largest integer as a slice's end is no harm", async () => {
    const model = graphModel({ x: "float32" }, (graph, [x = ""]) => {
      const bound = (value: bigint) => graph.constant({ dtype: "int64", shape: [1], data: BigInt64Array.of(value) });
      return { y: [graph.op("StridedSlice", [x, bound(1n), bound(2n ** 63n - 1n), bound(1n)], { ...F, Index: attr.type("int64") }), "float32"] };
    });
    expect(await answersOf(await importWritten(model), "serving_default", { x: float([3], [1, 2, 3]) }, "wasm")).toEqual({ y: { shape: [2], values: [2, 3] } });
  });
});
