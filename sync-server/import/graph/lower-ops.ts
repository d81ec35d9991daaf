import { boolAttr, boolOf, floatOf, intOf, intAttr, textAttr, textOf, typeAttr, typeOf, intsOf, intsAttr, type Attrs } from "./attrs.ts";
import type { Graph } from "./graph.ts";
import { lowerEinsum } from "./lower-einsum.ts";
import { lowerBatchGather, lowerRoll, lowerSpaceToDepth } from "./lower-gather.ts";
import { lowerLogicalXor, lowerMatrixBandPart, lowerMatrixDiag, steppedSlice, throughIntegers } from "./lower-masks.ts";
import { lowerBucketize, lowerDynamicPartition, lowerDynamicStitch, lowerSegmentSum } from "./lower-segments.ts";
import type { NodeNames } from "./node-names.ts";
import { dataInputs, referTo } from "./references.ts";
import { rewrite, type Rule } from "./rewrite.ts";
import { ints, scalar, toNumbers } from "./tensor-values.ts";

const INT = { T: typeAttr("DT_INT32") };
const FLOAT = { T: typeAttr("DT_FLOAT") };

/** Axes of TF.js's tensors, at most. */
const MOST_AXES = 6;

/** An operation that only passes its first input on. */
const pass: Rule = ({ inputs, attrs }, { become }) => {
  become("Identity", inputs.slice(0, 1), { T: attrs["T"] ?? attrs["dtype"] ?? typeAttr("DT_FLOAT") });
  return true;
};

/** The same operation under the name that TF.js has for it. */
const renamed = (op: string): Rule => ({ inputs, attrs }, { become }) => {
  become(op, inputs, attrs);
  return true;
};

const erfc: Rule = ({ inputs }, { add, constant, become }) => {
  become("Sub", [constant(scalar(1, "float32")), add("Erf", inputs, FLOAT)], FLOAT);
  return true;
};

/** TF.js makes floats of the sizes. */
const shapeN: Rule = ({ inputs, attrs }, { add, become }) => {
  const shapes = dataInputs(inputs).map((input) => add("Shape", [input], { out_type: attrs["out_type"] ?? typeAttr("DT_INT32") }));
  become(shapes.length === 1 ? "Identity" : "IdentityN", shapes, {});
  return true;
};

/** The remainder with the dividend's sign; TF.js gives it the divisor's. */
const truncatingMod: Rule = ({ inputs, attrs }, { add, become }) => {
  const [a = "", b = ""] = inputs;
  become("Mul", [add("Sign", [a], attrs), add("FloorMod", [add("Abs", [a], attrs), add("Abs", [b], attrs)], attrs)], attrs);
  return true;
};

/** Whole quotients towards zero; TF.js rounds them down. */
const truncatingDiv: Rule = ({ op, inputs, attrs }, { add, become }) => {
  if (op === "Div" && typeOf(attrs, "T")?.startsWith("DT_INT") !== true) return false;
  const [a = "", b = ""] = inputs;
  const sign = add("Mul", [add("Sign", [a], attrs), add("Sign", [b], attrs)], attrs);
  become("Mul", [sign, add("FloorDiv", [add("Abs", [a], attrs), add("Abs", [b], attrs)], attrs)], attrs);
  return true;
};

/** TF1's choice by a vector chooses whole rows; TF.js would hold the vector to the last axis. Axes of one put it to the first. */
const selectRows: Rule = (node, write) => {
  const { add, constant } = write;
  const [condition = "", yes = "", ...rest] = node.inputs;
  const shapeOf = (tensor: string): string => add("Shape", [tensor], { out_type: typeAttr("DT_INT32") });
  const sizes = shapeOf(condition);
  const missing = add("Sub", [add("Size", [shapeOf(yes)], INT), add("Size", [sizes], INT)], INT);
  // Not a Fill: webgpu does that on its device, and a shape must be waited for there.
  const ones = add("Slice", [constant(ints(Array.from({ length: MOST_AXES }, () => 1))), constant(ints([0])), add("Reshape", [missing, constant(ints([1]))], INT)], { ...INT, Index: typeAttr("DT_INT32") });
  const wide = add("ConcatV2", [sizes, ones, constant(scalar(0))], { ...INT, N: intAttr(2), Tidx: typeAttr("DT_INT32") });
  node.op = "SelectV2";
  node.inputs = [add("Reshape", [condition, wide], { T: typeAttr("DT_BOOL") }), yes, ...rest];
  throughIntegers(node, write);
  return true;
};

/**
 * Padding to the number that was asked for: TF.js pads to the number of boxes at most, or not at all, and counts nothing in V5. Soft
 * suppression only lowers scores, and leaves no box out for its overlap; TF.js does, unless no overlap is too large.
 */
const paddedNonMaxSuppression: Rule = ({ op, inputs, attrs }, write) => {
  const { add, constant, become } = write;
  const count = inputs[2] ?? "";
  const isSoft = op === "NonMaxSuppressionV5";
  const [boxes = "", scores = "", , overlap = "", least = "", sigma = ""] = inputs;
  const threshold = isSoft ? add("SelectV2", [add("Greater", [sigma, constant(scalar(0, "float32"))], FLOAT), constant(scalar(1, "float32")), overlap], FLOAT) : overlap;
  const indices = add(isSoft ? op : "NonMaxSuppressionV3", [boxes, scores, count, threshold, least, ...(isSoft ? [sigma] : [])], { T: attrs["T"] ?? typeAttr("DT_FLOAT") });
  const valid = add("Size", [indices], { ...INT, out_type: typeAttr("DT_INT32") });
  const results = isSoft ? [indices, referTo(indices, 1)] : [indices];
  if (!boolOf(attrs, "pad_to_max_output_size", false)) {
    become("IdentityN", [...results, valid], {});
    return true;
  }
  const after = add("Sub", [count, valid], INT);
  const paddings = add("Reshape", [add("Pack", [constant(scalar(0)), after], { ...INT, axis: { i: "0" }, N: { i: "2" } }), constant(ints([1, 2]))], INT);
  const padded = results.map((result, at) => add("PadV2", [result, paddings, constant(scalar(0, at === 0 ? "int32" : "float32"))], at === 0 ? INT : FLOAT));
  become("IdentityN", [...padded, valid], {});
  return true;
};

/** Normalising by the batch (training mode), which TF.js does by the moving averages that it is given. */
const batchNorm: Rule = (node, write) => {
  const { op, inputs, attrs } = node;
  const { add, constant, become } = write;
  if (!boolOf(attrs, "is_training", true)) return channelsLast(node, write);
  if (textOf(attrs, "data_format", "NHWC") !== "NHWC") return false;
  const [x = "", scale = "", offset = ""] = inputs;
  const axes = constant(ints([0, 1, 2]));
  const mean = add("Mean", [x, axes], FLOAT);
  const variance = add("Mean", [add("SquaredDifference", [x, mean], FLOAT), axes], FLOAT);
  become(op, [x, scale, offset, mean, variance], { ...attrs, is_training: boolAttr(false) });
  return true;
};

/** Rounds to the steps of a quantised range; TF.js passes the operation over. A range that is not constant is left, and refused. */
const fakeQuant: Rule = ({ op, inputs, attrs }, { add, constant, constantOf, become }) => {
  const isArgs = op === "FakeQuantWithMinMaxArgs";
  const [low, high] = isArgs ? [undefined, undefined] : [constantOf(inputs[1]), constantOf(inputs[2])];
  if (!isArgs && (low === undefined || high === undefined)) return false;
  const least = low === undefined ? Float64Array.of(floatOf(attrs, "min", -6)) : toNumbers(low);
  const most = high === undefined ? Float64Array.of(floatOf(attrs, "max", 6)) : toNumbers(high);
  const first = boolOf(attrs, "narrow_range", false) ? 1 : 0;
  const last = 2 ** intOf(attrs, "num_bits", 8) - 1;
  const ranges = Array.from(least, (min, at) => {
    const step = ((most[at] ?? 0) - min) / (last - first);
    const zero = Math.min(Math.max(Math.round(first - min / step), first), last);
    return { step, min: (first - zero) * step, max: (last - zero) * step };
  });
  const values = (of: (range: (typeof ranges)[number]) => number): string => constant({ dtype: "float32", shape: low?.shape ?? [], data: Float32Array.from(ranges, of) });
  const clamped = add("Minimum", [add("Maximum", [inputs[0] ?? "", values(({ min }) => min)], FLOAT), values(({ max }) => max)], FLOAT);
  const steps = add("Mul", [add("Sub", [clamped, values(({ min }) => min)], FLOAT), values(({ step }) => 1 / step)], FLOAT);
  const rounded = add("Floor", [add("AddV2", [steps, constant(scalar(0.5, "float32"))], FLOAT)], FLOAT);
  become("AddV2", [add("Mul", [rounded, values(({ step }) => step)], FLOAT), values(({ min }) => min)], FLOAT);
  return true;
};

/** TF.js's wasm kernel writes integers, whatever the dtype: into floats as their bits, and past the end of bools. */
const oneHot: Rule = ({ op, inputs, attrs }, { add, constant, constantOf, become }) => {
  const type = attrs["T"]?.type ?? "DT_FLOAT";
  if (type !== "DT_FLOAT" && type !== "DT_BOOL" && type !== "DT_DOUBLE" && type !== "DT_HALF" && type !== "DT_BFLOAT16") return false;
  const [indices = "", depth = "", on = "", off = ""] = inputs;
  const marks = add(op, [indices, depth, constant(scalar(1)), constant(scalar(0))], { ...attrs, ...INT });
  if (type === "DT_BOOL") {
    const isOn = add("Cast", [marks], { SrcT: typeAttr("DT_INT32"), DstT: typeAttr("DT_BOOL") });
    become("LogicalOr", [add("LogicalAnd", [isOn, on]), add("LogicalAnd", [add("LogicalNot", [isOn]), off])]);
    return true;
  }
  const cast = { SrcT: typeAttr("DT_INT32"), DstT: typeAttr(type) };
  const [high, low] = [on, off].map((input) => constantOf(input));
  if (high !== undefined && low !== undefined && toNumbers(high)[0] === 1 && toNumbers(low)[0] === 0) {
    become("Cast", [marks], cast);
    return true;
  }
  const T = { T: typeAttr(type) };
  become("AddV2", [add("Mul", [add("Cast", [marks], cast), add("Sub", [on, off], T)], T), off], T);
  return true;
};

/** TF.js's cpu kernel writes into the tensor that it is given, a weight or another's input: it gets one of its own. */
const scatterIntoCopy: Rule = ({ op, inputs, attrs }, { add, become }) => {
  const [tensor = "", indices = "", updates = ""] = inputs;
  become(op, [add("Maximum", [tensor, tensor], attrs), indices, updates], attrs);
  return true;
};

const softsign: Rule = ({ inputs, attrs }, { add, constant, become }) => {
  const [x = ""] = inputs;
  become("RealDiv", [x, add("AddV2", [add("Abs", [x], attrs), constant(scalar(1, "float32"))], attrs)], attrs);
  return true;
};

/** Half the sum of squares over all axes, whatever their number. */
const l2Loss: Rule = ({ inputs, attrs }, { add, constant, become }) => {
  const flat = add("Reshape", [inputs[0] ?? "", constant(ints([-1]))], attrs);
  become("Mul", [add("Sum", [add("Square", [flat], attrs), constant(ints([0]))], attrs), constant(scalar(0.5, "float32"))], attrs);
  return true;
};

/** Axes of images in the order that all of TF.js's kernels take, and back. */
const channelsLast: Rule = (node, write) => {
  const { op, inputs, attrs } = node;
  if (textOf(attrs, "data_format", "NHWC") !== "NCHW") return false;
  const { add, constant, become } = write;
  const data = op === "Conv2DBackpropInput" ? 2 : 0;
  const moved = [...inputs];
  moved[data] = add("Transpose", [inputs[data] ?? "", constant(ints([0, 2, 3, 1]))], attrs);
  if (data === 2) moved[0] = add("GatherV2", [inputs[0] ?? "", constant(ints([0, 2, 3, 1])), constant(scalar(0))], { Tparams: typeAttr("DT_INT32"), Tindices: typeAttr("DT_INT32") });
  const result = add(op, moved, { ...attrs, data_format: textAttr("NHWC"), ...movedAttrs(attrs) });
  become("Transpose", [result, constant(ints([0, 3, 1, 2]))], { T: attrs["T"] ?? typeAttr("DT_FLOAT") });
  return true;
};

function movedAttrs(attrs: Attrs): Attrs {
  const moved: Attrs = {};
  for (const name of ["strides", "ksize", "dilations"]) {
    const sizes = intsOf(attrs, name);
    if (sizes?.length === 4) moved[name] = intsAttr([0, 2, 3, 1].map((axis) => sizes[axis] ?? 1));
  }
  const paddings = intsOf(attrs, "explicit_paddings");
  if (paddings?.length === 8) moved["explicit_paddings"] = intsAttr([0, 2, 3, 1].flatMap((axis) => paddings.slice(2 * axis, 2 * axis + 2)));
  return moved;
}

const RULES: Readonly<Record<string, Rule>> = {
  Erfc: erfc,
  MatrixBandPart: lowerMatrixBandPart,
  BatchMatrixBandPart: lowerMatrixBandPart,
  MatrixDiag: lowerMatrixDiag,
  MatrixDiagV2: lowerMatrixDiag,
  MatrixDiagV3: lowerMatrixDiag,
  Einsum: lowerEinsum,
  LogicalXor: lowerLogicalXor,
  OneHot: oneHot,
  TensorScatterUpdate: scatterIntoCopy,
  GatherV2: lowerBatchGather,
  Roll: lowerRoll,
  SpaceToDepth: lowerSpaceToDepth,
  Bucketize: lowerBucketize,
  SegmentSum: lowerSegmentSum,
  UnsortedSegmentSum: lowerSegmentSum,
  DynamicPartition: lowerDynamicPartition,
  DynamicStitch: lowerDynamicStitch,
  ParallelDynamicStitch: lowerDynamicStitch,
  BatchMatMulV3: renamed("BatchMatMulV2"),
  // Nothing is changed by a function any more; and TF.js disposes of what an If gives before its time.
  If: renamed("StatelessIf"),
  While: renamed("StatelessWhile"),
  Inv: renamed("Reciprocal"),
  Rint: renamed("Round"),
  RefSwitch: renamed("Switch"),
  RefMerge: renamed("Merge"),
  RefEnter: renamed("Enter"),
  RefExit: renamed("Exit"),
  RefNextIteration: renamed("NextIteration"),
  RefIdentity: pass,
  EnsureShape: pass,
  CheckNumerics: pass,
  CheckNumericsV2: pass,
  PreventGradient: pass,
  StopGradient: pass,
  Snapshot: pass,
  Print: pass,
  DisableCopyOnRead: pass,
  ShapeN: shapeN,
  Mod: truncatingMod,
  TruncateMod: truncatingMod,
  Div: truncatingDiv,
  TruncateDiv: truncatingDiv,
  NonMaxSuppressionV4: paddedNonMaxSuppression,
  NonMaxSuppressionV5: paddedNonMaxSuppression,
  FakeQuantWithMinMaxArgs: fakeQuant,
  FakeQuantWithMinMaxVars: fakeQuant,
  FakeQuantWithMinMaxVarsPerChannel: fakeQuant,
  Softsign: softsign,
  L2Loss: l2Loss,
  Conv2D: channelsLast,
  DepthwiseConv2dNative: channelsLast,
  Conv2DBackpropInput: channelsLast,
  MaxPool: channelsLast,
  AvgPool: channelsLast,
  BiasAdd: channelsLast,
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  Reverse: throughIntegers,
  ReverseV2: throughIntegers,
  StridedSlice: steppedSlice,
  Select: selectRows,
  SelectV2: throughIntegers,
};

/** What TF.js computes wrongly without a word on some backend, whoever made the graph. */
const MENDED: readonly string[] = ["OneHot", "TensorScatterUpdate", "GatherV2", "StridedSlice", "Reverse", "ReverseV2", "SelectV2"];

/** Rewrites of a graph that was made for TF.js only what it would compute wrongly. */
export function mendOps(graph: Graph, names: NodeNames): string[] {
  return told(rewrite(graph, Object.fromEntries(Object.entries(RULES).filter(([op]) => MENDED.includes(op))), names));
}

/** Rewrites what TF.js lacks, or computes wrongly, in terms of what it computes rightly on every backend. */
export function lowerOps(graph: Graph, names: NodeNames): string[] {
  return told(rewrite(graph, RULES, names));
}

function told(done: ReadonlyMap<string, number>): string[] {
  return [...done].map(([op, count]) => `rewrote ${op}: ${count}`);
}
