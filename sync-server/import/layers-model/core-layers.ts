import { boolAttr, floatAttr, intAttr, typeAttr } from "../graph/attrs.ts";
import { above } from "./activations.ts";
import { activated, axisOf, biased, type Layer, type LayerCall } from "./layer.ts";
import { FLOAT, type Flow } from "./layer-graph.ts";

/** Layers that do nothing once a model is trained. */
const same: Layer = ({ inputs: [x] }) => x;

const dense: Layer = (call) => {
  const { graph, name, options, inputs: [x] } = call;
  const units = options.number("units", 0);
  const size = x.shape.at(-1) ?? 0;
  const kernel = graph.weight(name, "kernel", [size, units]);
  const shape = [...x.shape.slice(0, -1), units];
  const flat = x.shape.length === 2 ? x.ref : graph.reshape(x.ref, [-1, size]);
  const sum = biased(call, graph.node("MatMul", [flat, kernel], { ...FLOAT, transpose_a: boolAttr(false), transpose_b: boolAttr(false) }));
  return { ...x, ref: activated(call, x.shape.length === 2 ? sum : graph.reshape(sum, shape, x.ref)), shape };
};

const flatten: Layer = ({ graph, options, inputs: [x] }) => {
  options.only("data_format", "channels_last");
  const rest = x.shape.slice(1);
  if (rest.some((size) => size < 0)) throw options.refuse(`flattens axes of sizes that the model does not say: [${x.shape}]`);
  const size = rest.reduce((product, one) => product * one, 1);
  return { ...x, ref: graph.reshape(x.ref, [-1, size]), shape: [x.shape[0] ?? -1, size] };
};

const reshape: Layer = ({ graph, options, inputs: [x] }) => {
  const given = options.raw("target_shape");
  // An axis that is to take what is left is -1 or null.
  const target = (Array.isArray(given) ? given : []).map((size: unknown) => (typeof size === "number" ? size : -1));
  const known = x.shape.slice(1).reduce((product, one) => product * one, 1);
  if (x.shape.slice(1).some((size) => size < 0)) throw options.refuse(`reshapes axes of sizes that the model does not say: [${x.shape}]`);
  const open = target.findIndex((size) => size < 0);
  if (open >= 0) target[open] = known / target.reduce((product, one) => (one < 0 ? product : product * one), 1);
  if (target.reduce((product, one) => product * one, 1) !== known || target.some((size) => !Number.isInteger(size) || size < 0)) throw options.refuse(`reshapes [${x.shape.slice(1)}] to ${JSON.stringify(given)}`);
  return { ...x, ref: graph.reshape(x.ref, [-1, ...target]), shape: [x.shape[0] ?? -1, ...target] };
};

const permute: Layer = ({ graph, options, inputs: [x] }) => {
  const order = [0, ...options.list("dims")];
  if ([...order].sort((a, b) => a - b).join() !== x.shape.map((_, axis) => axis).join()) throw options.refuse(`permutes the axes [${order.slice(1)}] of an input of ${x.shape.length}`);
  return { ...x, ref: graph.node("Transpose", [x.ref, graph.ints(order)], { ...FLOAT, Tperm: typeAttr("DT_INT32") }), shape: order.map((axis) => x.shape[axis] ?? -1) };
};

const activation: Layer = (call) => ({ ...call.inputs[0], ref: activated(call, call.inputs[0].ref) });

const softmax: Layer = (call) => {
  const { options, inputs: [x] } = call;
  if (axisOf(call, options.number("axis", -1)) !== x.shape.length - 1) throw options.refuse("has a softmax over another axis than the last");
  return { ...x, ref: activated(call, x.ref, "softmax") };
};

const relu: Layer = ({ graph, options, inputs: [x] }) => {
  options.only("negative_slope", 0);
  options.only("threshold", 0);
  const most = options.raw("max_value");
  const ref = graph.node("Relu", [x.ref]);
  return { ...x, ref: typeof most === "number" ? graph.node("Minimum", [ref, graph.floats([most])]) : ref };
};

const leakyRelu: Layer = ({ graph, options, inputs: [x] }) => {
  const alpha = options.number("negative_slope", options.number("alpha", 0.3));
  return { ...x, ref: graph.node("LeakyRelu", [x.ref], { ...FLOAT, alpha: floatAttr(alpha) }) };
};

const elu: Layer = (call) => {
  call.options.only("alpha", 1);
  return { ...call.inputs[0], ref: activated(call, call.inputs[0].ref, "elu") };
};

const thresholdedRelu: Layer = ({ graph, options, inputs: [x] }) => ({ ...x, ref: above(graph, x.ref, options.number("theta", 1)) });

const prelu: Layer = ({ graph, name, options, inputs: [x] }) => {
  options.raw("shared_axes");
  return { ...x, ref: graph.node("Prelu", [x.ref, graph.weight(name, "alpha")]) };
};

const rescaling: Layer = ({ graph, options, inputs: [x] }) => {
  const scaled = graph.node("Mul", [x.ref, graph.floats([options.number("scale", 1)])]);
  return { ...x, ref: graph.node("AddV2", [scaled, graph.floats([options.number("offset", 0)])]) };
};

const embedding: Layer = ({ graph, name, options, inputs: [x] }) => {
  options.only("input_length", x.shape[1]);
  const masked = options.flag("mask_zero", false);
  const [rows, columns] = [options.number("input_dim", 0), options.number("output_dim", 0)];
  const ids = x.type === "DT_INT32" ? x.ref : graph.node("Cast", [x.ref], { SrcT: typeAttr(x.type), DstT: typeAttr("DT_INT32") });
  const attrs = { Tparams: typeAttr("DT_FLOAT"), Tindices: typeAttr("DT_INT32"), Taxis: typeAttr("DT_INT32"), batch_dims: intAttr(0) };
  const found = graph.node("GatherV2", [graph.weight(name, "embeddings", [rows, columns]), ids, graph.ints([0], [])], attrs);
  return { ref: found, shape: [...x.shape, columns], type: "DT_FLOAT", masked };
};

/** (x - mean) / sqrt(variance + epsilon) * gamma + beta, with the averages of the training. */
const batchNormalization: Layer = (call) => {
  const { graph, name, options, inputs: [x] } = call;
  const rank = x.shape.length;
  const [axis, ...more] = [options.raw("axis") ?? -1].flat();
  if (more.length > 0 || typeof axis !== "number" || axisOf(call, axis) !== rank - 1) throw options.refuse("normalises another axis than the last");
  const channels = x.shape[rank - 1] ?? 0;
  const epsilon = options.number("epsilon", 0.001);
  const [mean, variance] = [graph.weight(name, "moving_mean", [channels]), graph.weight(name, "moving_variance", [channels])];
  const filled = (value: number): string => graph.floats(new Array<number>(channels).fill(value), [channels]);
  const gamma = options.flag("scale", true) ? graph.weight(name, "gamma", [channels]) : filled(1);
  const beta = options.flag("center", true) ? graph.weight(name, "beta", [channels]) : filled(0);
  if (rank === 4) {
    return { ...x, ref: graph.node("FusedBatchNormV3", [x.ref, gamma, beta, mean, variance], { ...FLOAT, U: typeAttr("DT_FLOAT"), epsilon: floatAttr(epsilon), is_training: boolAttr(false) }) };
  }
  const factor = graph.node("Mul", [graph.node("Rsqrt", [graph.node("AddV2", [variance, graph.floats([epsilon])])]), gamma]);
  return { ...x, ref: graph.node("AddV2", [graph.node("Mul", [graph.node("Sub", [x.ref, mean]), factor]), beta]) };
};

const layerNormalization: Layer = (call) => {
  const { graph, name, options, inputs: [x] } = call;
  const [axis, ...more] = [options.raw("axis") ?? -1].flat();
  if (more.length > 0 || typeof axis !== "number" || axisOf(call, axis) !== x.shape.length - 1) throw options.refuse("normalises another axis than the last");
  const mean = graph.reduce("Mean", x.ref, [x.shape.length - 1], true);
  const centred = graph.node("Sub", [x.ref, mean]);
  const variance = graph.reduce("Mean", graph.node("Square", [centred]), [x.shape.length - 1], true);
  let ref = graph.node("Mul", [centred, graph.node("Rsqrt", [graph.node("AddV2", [variance, graph.floats([options.number("epsilon", 0.001)])])])]);
  if (options.flag("scale", true)) ref = graph.node("Mul", [ref, graph.weight(name, "gamma")]);
  if (options.flag("center", true)) ref = graph.node("AddV2", [ref, graph.weight(name, "beta")]);
  return { ...x, ref };
};

/** Means or largest values over all places. */
function globalPool(op: "Mean" | "Max", places: number): Layer {
  return (call: LayerCall): Flow => {
    const { graph, options, inputs: [x] } = call;
    options.only("data_format", "channels_last");
    if (x.shape.length !== places + 2) throw options.refuse(`takes inputs of ${places + 2} axes, and gets one of ${x.shape.length}`);
    const keep = options.flag("keepdims", false);
    const axes = Array.from({ length: places }, (_, at) => at + 1);
    return { ...x, ref: graph.reduce(op, x.ref, axes, keep), shape: [x.shape[0] ?? -1, ...(keep ? axes.map(() => 1) : []), x.shape.at(-1) ?? -1] };
  };
}

export const CORE: Readonly<Record<string, Layer>> = {
  Dense: dense, Flatten: flatten, Reshape: reshape, Permute: permute, Activation: activation, Softmax: softmax, ReLU: relu, LeakyReLU: leakyRelu, ELU: elu, ThresholdedReLU: thresholdedRelu,
  PReLU: prelu, Rescaling: rescaling, Embedding: embedding, BatchNormalization: batchNormalization, LayerNormalization: layerNormalization,
  GlobalAveragePooling1D: globalPool("Mean", 1), GlobalAveragePooling2D: globalPool("Mean", 2), GlobalMaxPooling1D: globalPool("Max", 1), GlobalMaxPooling2D: globalPool("Max", 2),
  Dropout: same, SpatialDropout1D: same, SpatialDropout2D: same, GaussianNoise: same, GaussianDropout: same, AlphaDropout: same, ActivityRegularization: same,
};
