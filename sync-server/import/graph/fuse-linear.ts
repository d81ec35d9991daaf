import { elementCount } from "../../../protocol/tensor.ts";
import { boolOf, floatAttr, intAttr, intsOf, intsAttr, textOf, textsAttr, textsOf, typeOf, type Attrs } from "./attrs.ts";
import { floats, type FloatValue } from "./fold-value.ts";
import type { GraphNode } from "./graph.ts";
import type { Body, Rewrite } from "./optimise-body.ts";

/**
 * A convolution or matrix product with constant weights, before its activation: what a scale, a bias and an activation after it
 * can become part of. Of two-dimensional convolutions those with their channels last (the wasm backend has no others).
 */
export interface Linear {
  readonly node: GraphNode;
  readonly kind: "conv" | "depthwise" | "matmul";
  readonly x: string;
  readonly filter: string;
  readonly bias: string | undefined;
  /** Channels, or columns, of the output. */
  readonly channels: number;
  readonly rank: number;
}

/** The activations that all backends compute inside of these ops, by the op that they have outside. */
export type Activation =
  | { readonly op: "Relu" | "Relu6" | "Elu" | "Sigmoid" }
  | { readonly op: "LeakyRelu"; readonly alpha: number }
  | { readonly op: "Prelu"; readonly alpha: string };

const KINDS: Readonly<Record<string, Linear["kind"]>> = {
  Conv2D: "conv",
  _FusedConv2D: "conv",
  DepthwiseConv2dNative: "depthwise",
  FusedDepthwiseConv2dNative: "depthwise",
  MatMul: "matmul",
  _FusedMatMul: "matmul",
};

const FUSED = { conv: "_FusedConv2D", depthwise: "FusedDepthwiseConv2dNative", matmul: "_FusedMatMul" } as const;
const PLAIN = { conv: "Conv2D", depthwise: "DepthwiseConv2dNative", matmul: "MatMul" } as const;

/** The node as such an op; undefined where it is none, where it ends in an activation already, or is otherwise not as it must be. */
export function linearOf(node: GraphNode | undefined, body: Body): Linear | undefined {
  const kind = node === undefined ? undefined : KINDS[node.op];
  if (node === undefined || kind === undefined || !body.isFree(node)) return undefined;
  const { attrs } = node;
  const [x, filter, bias, ...more] = node.inputs;
  const filterShape = body.shape(filter);
  if (x === undefined || filter === undefined || filterShape === undefined || more.length > 0) return undefined;
  if (body.constant(filter)?.tensor.dtype !== "float32" || !["DT_FLOAT", "1", undefined].includes(typeOf(attrs, "T"))) return undefined;
  const fused = (textsOf(attrs, "fused_ops") ?? []).map((op) => op.toLowerCase());
  if (bias === undefined ? fused.length > 0 : fused.length !== 1 || fused[0] !== "biasadd") return undefined;
  if (kind !== "matmul" && (filterShape.length !== 4 || textOf(attrs, "data_format", "NHWC") !== "NHWC")) return undefined;
  // Where it transposes, the wasm backend adds a bias at the wrong places (TF.js 4.22).
  if (kind === "matmul" && (filterShape.length !== 2 || boolOf(attrs, "transpose_a", false) || boolOf(attrs, "transpose_b", false))) return undefined;
  const channels = kind === "depthwise" ? elementCount(filterShape.slice(2)) : (filterShape.at(-1) ?? 0);
  if (bias !== undefined && String(body.shape(bias)) !== String([channels])) return undefined;
  return { node, kind, x, filter, bias, channels, rank: kind === "matmul" ? 2 : 4 };
}

export interface LinearParts {
  readonly x?: string;
  readonly filter?: string;
  readonly bias?: string | undefined;
  readonly activation?: Activation;
  /** Attributes to put in the place of the node's own. */
  readonly attrs?: Attrs;
}

/** The op with other parts. */
export function withParts(linear: Linear, { x = linear.x, filter = linear.filter, bias = linear.bias, activation, attrs: other = {} }: LinearParts): Rewrite {
  const { kind, node } = linear;
  const { fused_ops: _ops, num_args: _args, ...own } = node.attrs;
  const attrs: Attrs = { ...own, ...other };
  if (kind !== "matmul") attrs["dilations"] = intsAttr(intsOf(attrs, "dilations") ?? [1, 1, 1, 1]);
  const inputs = [x, filter, ...(bias === undefined ? [] : [bias])];
  if (bias === undefined && activation === undefined) return { op: PLAIN[kind], inputs, attrs };
  // TF.js takes the second of two for the activation; a first that is no "BiasAdd" is passed over.
  attrs["fused_ops"] = textsAttr([bias === undefined ? "NoOp" : "BiasAdd", ...(activation === undefined ? [] : [activation.op])]);
  if (activation?.op === "Prelu") inputs.push(activation.alpha);
  if (activation?.op === "LeakyRelu") attrs["leakyrelu_alpha"] = floatAttr(activation.alpha);
  attrs["num_args"] = intAttr(inputs.length - 2);
  return { op: FUSED[kind], inputs, attrs };
}

/** A constant that is added to each channel, or multiplies it, as one number a channel; undefined where it is not such a one. */
export function perChannel(value: FloatValue | undefined, { channels, rank }: Linear): FloatValue | undefined {
  if (value === undefined || value.shape.length > rank) return undefined;
  if (value.data.length === 1) return floats([channels], new Float32Array(channels).fill(value.data[0] ?? 0));
  return isPerChannel(value.shape, channels) ? { ...value, shape: [channels] } : undefined;
}

/** Whether a shape has its elements along the last axis, one a channel. */
export function isPerChannel(shape: readonly number[], channels: number): boolean {
  return shape.at(-1) === channels && elementCount(shape) === channels;
}
