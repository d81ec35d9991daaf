import { describe, expect, test } from "vitest";
import type { Tensor } from "../../../../protocol/tensor.ts";
import type { Attrs } from "../../../../sync-server/import/graph/attrs.ts";
import { foldKernels } from "../../../../sync-server/import/graph/fold-kernels.ts";
import { floats, ints, valueOf, type Value } from "../../../../sync-server/import/graph/fold-value.ts";
import type { ImportedTensor } from "../../../../sync-server/import/imported-model.ts";
import { bool, boolAttr, distance, float32, graphOf, int32, intAttr, intsAttr, op, optimised, typeAttr, wave } from "../../../support/import-graphs.ts";

const A = wave(2, 3);
const ROW = float32([3], 2, -0.5, 4);
const COLUMN = float32([2, 1], 3, -2);
const POSITIVE = float32([2, 2], 0.25, 1, 2, 1e-3);
const I = int32([2, 3], 7, -7, 3, 0, -1, 100000);
const J = int32([3], 2, 3, -4);
const B = bool([2, 3], 1, 0, 1, 1, 0, 0);
const axis = (...axes: number[]): Tensor => int32([axes.length], ...axes);
const scalar = (x: number): Tensor => int32([], x);
const KEEP: Attrs = { keep_dims: boolAttr(true) };
const slice = (masks: Readonly<Record<string, number>> = {}): Attrs =>
  Object.fromEntries(["begin_mask", "end_mask", "shrink_axis_mask", "ellipsis_mask", "new_axis_mask"].map((name) => [name, intAttr(masks[name] ?? 0)]));

type Case = readonly [kind: string, inputs: readonly Tensor[], attrs?: Attrs];

const CASES: readonly Case[] = [
  ...["Abs", "Neg", "Square", "Exp", "Floor", "Ceil", "Sign", "Sin", "Cos", "Tanh", "Sigmoid", "Relu", "Relu6"].map((kind): Case => [kind, [A]]),
  ...["Sqrt", "Rsqrt", "Reciprocal", "Log"].map((kind): Case => [kind, [POSITIVE]]),
  ...["Abs", "Neg", "Square", "Sign"].map((kind): Case => [kind, [I]]),
  ...["Add", "AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "SquaredDifference", "DivNoNan"].flatMap((kind): Case[] => [[kind, [A, ROW]], [kind, [COLUMN, ROW]], [kind, [A, float32([], 3)]], [kind, [A, A]]]),
  ["DivNoNan", [A, float32([3], 0, 1, 2)]],
  ["Pow", [POSITIVE, float32([2], 2, -0.5)]],
  ["BiasAdd", [A, ROW]],
  ...["Add", "AddV2", "Sub", "Mul", "Maximum", "Minimum", "FloorDiv", "FloorMod"].map((kind): Case => [kind, [I, J]]),
  ...["Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"].flatMap((kind): Case[] => [[kind, [A, ROW]], [kind, [I, scalar(3)]]]),
  ["LogicalAnd", [B, bool([3], 1, 1, 0)]],
  ["LogicalOr", [B, bool([3], 1, 1, 0)]],
  ["LogicalNot", [B]],
  ["Select", [B, A, wave(2, 3)]],
  ["SelectV2", [bool([3], 1, 0, 1), A, ROW]],
  ["Cast", [A], { DstT: typeAttr("DT_INT32") }],
  ["Cast", [I], { DstT: typeAttr("DT_FLOAT") }],
  ["Cast", [I], { DstT: typeAttr("DT_INT64") }],
  ["Cast", [A], { DstT: typeAttr("DT_BOOL") }],
  ["Cast", [B], { DstT: typeAttr("DT_INT32") }],
  ["Shape", [A]],
  ["Size", [A]],
  ["Rank", [A]],
  ["ZerosLike", [A]],
  ["OnesLike", [I]],
  ["Reshape", [A, axis(3, -1)]],
  ["Reshape", [A, axis(6)]],
  ["ExpandDims", [A, scalar(-1)]],
  ["ExpandDims", [A, scalar(1)]],
  ["Squeeze", [wave(1, 2, 1)], { squeeze_dims: intsAttr([]) }],
  ["Squeeze", [wave(1, 2, 1)], { squeeze_dims: intsAttr([-1]) }],
  ["Transpose", [wave(2, 3, 4), axis(2, 0, 1)]],
  ["Pack", [ROW, float32([3], 1, 2, 3)], { axis: intAttr(1), N: intAttr(2) }],
  ["Pack", [scalar(4), scalar(5), scalar(6)], { axis: intAttr(0), N: intAttr(3) }],
  ["ConcatV2", [A, wave(2, 2), scalar(1)], { N: intAttr(2) }],
  ["ConcatV2", [A, wave(1, 3), scalar(-2)], { N: intAttr(2) }],
  ["Slice", [A, axis(0, 1), axis(-1, 2)]],
  ["StridedSlice", [A, axis(1), axis(2), axis(1)], slice({ shrink_axis_mask: 1 })],
  ["StridedSlice", [I, axis(0, -1), axis(0, -4), axis(1, -1)], slice({ end_mask: 1, begin_mask: 1 })],
  ["StridedSlice", [wave(7), axis(1), axis(6), axis(2)], slice()],
  ["StridedSlice", [wave(7), axis(-1), axis(0), axis(-3)], slice({ end_mask: 1 })],
  ["GatherV2", [A, axis(1, 0, 1), scalar(0)]],
  ["GatherV2", [A, int32([2, 2], 2, 0, 1, 1), scalar(-1)]],
  ["Tile", [A, axis(2, 3)]],
  ["BroadcastTo", [COLUMN, axis(2, 2, 4)]],
  ["Fill", [axis(2, 2), float32([], 1.5)]],
  ["Range", [scalar(3), scalar(-5), scalar(-2)], { Tidx: typeAttr("DT_INT32") }],
  ["Range", [float32([], 0), float32([], 1), float32([], 0.25)]],
  ...["Sum", "Prod", "Max", "Min", "Mean"].flatMap((kind): Case[] => [[kind, [A, axis(1)]], [kind, [A, axis(0, 1)]], [kind, [wave(2, 3, 2), axis(-2)], KEEP]]),
  ...["Sum", "Prod", "Max", "Min"].map((kind): Case => [kind, [int32([2, 2], 3, -4, 5, 6), axis(0)]]),
  ...["All", "Any"].map((kind): Case => [kind, [B, axis(1)]]),
];

describe("what is folded is what TF.js computes", () => {
  test.each(CASES.map(([kind, inputs, attrs = {}]) => [`${kind}(${inputs.map(({ dtype, shape }) => `${dtype}[${shape}]`).join(", ")})`, kind, inputs, attrs] as const))("%s", async (_, kind, inputs, attrs) => {
    const constants = Object.fromEntries(inputs.map((tensor, i) => [`k${i}`, tensor]));
    const run = await optimised(graphOf([op("y", kind, Object.keys(constants), attrs)], constants), {}, ["y:0"]);
    expect(run.ops).toEqual(["Identity"]);
    expect(distance(run.before, run.after)).toBeLessThan(2e-7);
  });

  test("and every op that is folded is tried", () => {
    const tried = new Set([...CASES.map(([kind]) => kind), "Identity", "Div", "MatrixBandPart"]);
    expect([...foldKernels.keys()].filter((kind) => !tried.has(kind))).toEqual([]);
  });
});

describe("what TF.js computes otherwise than TensorFlow, or differently from machine to machine", () => {
  const fold = (kind: string, inputs: readonly Value[], attrs: Attrs = {}): Value | undefined => foldKernels.get(kind)?.(inputs, { attrs, limit: 1000 });
  const int = (x: number): Value => ints([], Int32Array.of(x));

  test("a band of a matrix has its upper bound", () => {
    const matrix = floats([1, 3, 3], Float32Array.from({ length: 9 }, (_, i) => i + 1));
    expect(fold("MatrixBandPart", [matrix, int(-1), int(0)])?.data).toEqual(Float32Array.of(1, 0, 0, 4, 5, 0, 7, 8, 9));
    expect(fold("MatrixBandPart", [matrix, int(1), int(1)])?.data).toEqual(Float32Array.of(1, 2, 0, 4, 5, 6, 0, 8, 9));
  });

  test("integers wrap", () => {
    const large = ints([2], Int32Array.of(2 ** 31 - 1, -(2 ** 31)));
    expect(fold("AddV2", [large, int(1)])?.data).toEqual(Int32Array.of(-(2 ** 31), -(2 ** 31) + 1));
    expect(fold("Mul", [large, int(3)])?.data).toEqual(Int32Array.of(2 ** 31 - 3, -(2 ** 31)));
  });

  test("division by zero, casts beyond the range, indices that are not there and sizes that do not fit are left as they are", () => {
    const three = floats([3], Float32Array.of(1, 2, 3e9));
    expect(fold("FloorDiv", [int(1), int(0)])).toBeUndefined();
    expect(fold("FloorMod", [int(1), int(0)])).toBeUndefined();
    expect(fold("Cast", [three], { DstT: typeAttr("DT_INT32") })).toBeUndefined();
    expect(fold("Cast", [three], { DstT: typeAttr("DT_UINT8") })).toBeUndefined();
    expect(fold("GatherV2", [three, ints([1], Int32Array.of(3)), int(0)])).toBeUndefined();
    expect(fold("Reshape", [three, ints([2], Int32Array.of(2, -1))])).toBeUndefined();
    expect(fold("Add", [three, floats([2], Float32Array.of(1, 2))])).toBeUndefined();
    expect(fold("Add", [three, ints([3], Int32Array.of(1, 2, 3))])).toBeUndefined();
    expect(fold("Slice", [three, ints([1], Int32Array.of(2)), ints([1], Int32Array.of(2))])).toBeUndefined();
    expect(fold("Transpose", [three, ints([1], Int32Array.of(1))])).toBeUndefined();
    expect(fold("Range", [int(0), int(2 ** 30), int(1)])).toBeUndefined();
    expect(fold("Fill", [ints([1], Int32Array.of(2 ** 30)), int(1)])).toBeUndefined();
  });

  test("weights that are quantised, or of other dtypes, have no values to fold", () => {
    const bytes = new Uint8Array(Float32Array.of(1).buffer);
    const stored: ImportedTensor = { name: "k", dtype: "float32", shape: [1], width: 4, bytes };
    expect(valueOf({ kind: "stored", tensor: stored })?.data).toEqual(Float32Array.of(1));
    expect(valueOf({ kind: "stored", tensor: { ...stored, shape: [4], width: 1, quantization: { dtype: "uint8", scale: 1, min: 0 } } })).toBeUndefined();
    expect(valueOf({ kind: "dense", tensor: { dtype: "string", shape: [], data: [bytes] } })).toBeUndefined();
    expect(valueOf({ kind: "dense", tensor: { dtype: "int64", shape: [1], data: BigInt64Array.of(1n) } })).toBeUndefined();
  });
});
