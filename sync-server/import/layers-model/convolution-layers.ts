import { boolAttr, intsAttr, textAttr, typeAttr, type Attrs } from "../graph/attrs.ts";
import { activated, biased, needRank, type Layer, type LayerCall } from "./layer.ts";
import { FLOAT, type Flow } from "./layer-graph.ts";

/** How a window goes over rows and columns. */
interface Window {
  readonly size: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padding: string;
}

function windowOf({ options }: LayerCall, size: readonly number[], strides: readonly number[], dilations: readonly number[]): Window {
  options.only("data_format", "channels_last");
  const padding = options.text("padding", "valid").toUpperCase();
  if (padding !== "VALID" && padding !== "SAME") throw options.refuse(`has the padding ${JSON.stringify(padding.toLowerCase())}; valid and same are taken`);
  return { size, strides, dilations, padding };
}

function convolutionWindow(call: LayerCall): Window {
  const { options } = call;
  return windowOf(call, options.numbers("kernel_size", 2, [1, 1]), options.numbers("strides", 2, [1, 1]), options.numbers("dilation_rate", 2, [1, 1]));
}

function attrsOf({ strides, dilations, padding }: Window): Attrs {
  return { ...FLOAT, strides: intsAttr([1, ...strides, 1]), dilations: intsAttr([1, ...dilations, 1]), padding: textAttr(padding), data_format: textAttr("NHWC") };
}

/** The shape after a window went over it. */
function slid(shape: readonly number[], { size, strides, dilations, padding }: Window, channels: number): readonly number[] {
  const places = shape.slice(1, -1).map((length, at) => {
    const reach = ((size[at] ?? 1) - 1) * (dilations[at] ?? 1) + 1;
    return length < 0 ? -1 : Math.ceil((padding === "SAME" ? length : length - reach + 1) / (strides[at] ?? 1));
  });
  return [shape[0] ?? -1, ...places, channels];
}

const conv2d: Layer = (call) => {
  const { graph, name, options, inputs: [x] } = call;
  needRank(call, 4);
  options.only("groups", 1);
  const window = convolutionWindow(call);
  const filters = options.number("filters", 0);
  const kernel = graph.weight(name, "kernel", [...window.size, x.shape[3] ?? 0, filters]);
  const ref = biased(call, graph.node("Conv2D", [x.ref, kernel], attrsOf(window)));
  return { ...x, ref: activated(call, ref), shape: slid(x.shape, window, filters) };
};

/** A convolution over one axis is one over rows of height 1. */
const conv1d: Layer = (call) => {
  const { graph, name, options, inputs: [x] } = call;
  needRank(call, 3);
  options.only("groups", 1);
  const [size = 1] = options.numbers("kernel_size", 1, [1]);
  const [stride = 1] = options.numbers("strides", 1, [1]);
  const [dilation = 1] = options.numbers("dilation_rate", 1, [1]);
  const filters = options.number("filters", 0);
  const kernel = graph.weight(name, "kernel", [size, x.shape[2] ?? 0, filters]);
  const window = windowOf(call, [1, size], [1, stride], [1, dilation]);
  const rows = graph.node("ExpandDims", [x.ref, graph.ints([1], [])], { ...FLOAT, Tdim: typeAttr("DT_INT32") });
  const wide = graph.node("ExpandDims", [kernel, graph.ints([0], [])], { ...FLOAT, Tdim: typeAttr("DT_INT32") });
  const flat = graph.node("Squeeze", [graph.node("Conv2D", [rows, wide], attrsOf(window))], { ...FLOAT, squeeze_dims: intsAttr([1]) });
  const [, , places = -1] = slid([-1, 1, x.shape[1] ?? -1, -1], window, filters);
  return { ...x, ref: activated(call, biased(call, flat)), shape: [x.shape[0] ?? -1, places, filters] };
};

const depthwise: Layer = (call) => {
  const { graph, name, options, inputs: [x] } = call;
  needRank(call, 4);
  const window = convolutionWindow(call);
  const [channels, multiplier] = [x.shape[3] ?? 0, options.number("depth_multiplier", 1)];
  const kernel = graph.weight(name, "depthwise_kernel", [...window.size, channels, multiplier]);
  const ref = biased(call, graph.node("DepthwiseConv2dNative", [x.ref, kernel], attrsOf(window)));
  return { ...x, ref: activated(call, ref), shape: slid(x.shape, window, channels * multiplier) };
};

const separable: Layer = (call) => {
  const { graph, name, options, inputs: [x] } = call;
  needRank(call, 4);
  options.only("groups", 1);
  const window = convolutionWindow(call);
  // TensorFlow.js does not write this layer's depth_multiplier.
  const written = graph.weightShape(name, "depthwise_kernel")?.[3] ?? 1;
  const [channels, multiplier, filters] = [x.shape[3] ?? 0, options.number("depth_multiplier", written), options.number("filters", 0)];
  const deep = graph.node("DepthwiseConv2dNative", [x.ref, graph.weight(name, "depthwise_kernel", [...window.size, channels, multiplier])], attrsOf(window));
  const point = { size: [1, 1], strides: [1, 1], dilations: [1, 1], padding: "VALID" };
  const mixed = graph.node("Conv2D", [deep, graph.weight(name, "pointwise_kernel", [1, 1, channels * multiplier, filters])], attrsOf(point));
  return { ...x, ref: activated(call, biased(call, mixed)), shape: slid(x.shape, window, filters) };
};

function pool2d(op: "MaxPool" | "AvgPool"): Layer {
  return (call) => {
    const { graph, options, inputs: [x] } = call;
    needRank(call, 4);
    const size = options.numbers("pool_size", 2, [2, 2]);
    const window = windowOf(call, size, options.numbers("strides", 2, size), [1, 1]);
    return { ...x, ref: graph.node(op, [x.ref], poolAttrs(window)), shape: slid(x.shape, window, x.shape[3] ?? -1) };
  };
}

function pool1d(op: "MaxPool" | "AvgPool"): Layer {
  return (call): Flow => {
    const { graph, options, inputs: [x] } = call;
    needRank(call, 3);
    const [size = 2] = options.numbers("pool_size", 1, [2]);
    const [stride = size] = options.numbers("strides", 1, [size]);
    const window = windowOf(call, [1, size], [1, stride], [1, 1]);
    const rows = graph.node("ExpandDims", [x.ref, graph.ints([1], [])], { ...FLOAT, Tdim: typeAttr("DT_INT32") });
    const pooled = graph.node("Squeeze", [graph.node(op, [rows], poolAttrs(window))], { ...FLOAT, squeeze_dims: intsAttr([1]) });
    const [, , places = -1, channels = -1] = slid([-1, 1, x.shape[1] ?? -1, -1], window, x.shape[2] ?? -1);
    return { ...x, ref: pooled, shape: [x.shape[0] ?? -1, places, channels] };
  };
}

function poolAttrs(window: Window): Attrs {
  const { dilations: _, ...attrs } = attrsOf(window);
  return { ...attrs, ksize: intsAttr([1, ...window.size, 1]) };
}

/** `padding` is one number, one per axis, or two per axis. */
const zeroPadding: Layer = (call) => {
  const { graph, options, inputs: [x] } = call;
  needRank(call, 4);
  options.only("data_format", "channels_last");
  const given = options.raw("padding") ?? 1;
  const perAxis: readonly unknown[] = Array.isArray(given) ? given : [given, given];
  const [rows, columns] = perAxis.map((one): unknown => (Array.isArray(one) ? one : [one, one]));
  if (!isPair(rows) || !isPair(columns)) throw options.refuse(`has the padding ${JSON.stringify(given)}, which makes no sense`);
  const ref = graph.node("Pad", [x.ref, graph.ints([0, 0, ...rows, ...columns, 0, 0], [4, 2])], { ...FLOAT, Tpaddings: typeAttr("DT_INT32") });
  const wider = (size: number | undefined, [before, after]: readonly [number, number]): number => (size === undefined || size < 0 ? -1 : size + before + after);
  return { ...x, ref, shape: [x.shape[0] ?? -1, wider(x.shape[1], rows), wider(x.shape[2], columns), x.shape[3] ?? -1] };
};

function isPair(value: unknown): value is readonly [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every((one) => Number.isInteger(one) && Number(one) >= 0);
}

const upSampling: Layer = (call) => {
  const { graph, options, inputs: [x] } = call;
  needRank(call, 4);
  options.only("data_format", "channels_last");
  const factors = options.numbers("size", 2, [2, 2]);
  const op = { nearest: "ResizeNearestNeighbor", bilinear: "ResizeBilinear" }[options.text("interpolation", "nearest")];
  if (op === undefined) throw options.refuse(`has the interpolation ${options.text("interpolation", "")}; nearest and bilinear are taken`);
  const sizes = factors.map((factor, at) => factor * (x.shape[at + 1] ?? -1));
  if (sizes.some((size) => size < 0)) throw options.refuse("enlarges images of a size that the model does not say");
  return { ...x, ref: graph.node(op, [x.ref, graph.ints(sizes)], { ...FLOAT, align_corners: boolAttr(false), half_pixel_centers: boolAttr(false) }), shape: [x.shape[0] ?? -1, ...sizes, x.shape[3] ?? -1] };
};

export const CONVOLUTIONS: Readonly<Record<string, Layer>> = {
  Conv1D: conv1d, Conv2D: conv2d, DepthwiseConv2D: depthwise, SeparableConv2D: separable, MaxPooling2D: pool2d("MaxPool"), AveragePooling2D: pool2d("AvgPool"),
  MaxPooling1D: pool1d("MaxPool"), AveragePooling1D: pool1d("AvgPool"), ZeroPadding2D: zeroPadding, UpSampling2D: upSampling,
};
