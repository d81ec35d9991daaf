import { boolOf, textOf } from "./attrs.ts";
import { floats, type FloatValue } from "./fold-value.ts";
import { linearOf, perChannel, withParts, type Linear } from "./fuse-linear.ts";
import type { GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

const BATCH_NORM = /^FusedBatchNorm(V2|V3)?$/;

/** `y = linear * scale + offset`, channel by channel. */
interface Affine {
  readonly node: GraphNode;
  readonly linear: Linear;
  readonly scale: FloatValue;
  readonly offset: FloatValue | undefined;
}

/**
 * Multiplies the weights of convolutions and matrix products by the constant that scales their result: a batch norm, in one op
 * or, as Keras 3 writes it, in several, of which constant folding has left one multiplication. Weights that are quantised stay
 * as they are, and so do those that another node needs unscaled: neither may grow the download.
 */
export function foldBatchNorms(body: Body): Tally {
  const tally = new Map<string, number>();
  for (const node of body.nodes()) {
    const affine = affineOf(node, body);
    const group = affine === undefined ? undefined : groupOf(affine, body);
    const filter = body.floats(affine?.linear.filter);
    if (affine === undefined || group === undefined || filter === undefined) continue;
    const { op } = node;
    const name = body.addConstant(`${affine.linear.filter}/scaled`, scaled(filter, affine), affine.linear.node);
    for (const one of group) apply(one, name, body);
    count(tally, BATCH_NORM.test(op) ? `${op} into weights` : `scaled by ${op}`, group.length);
  }
  return tally;
}

function affineOf(node: GraphNode, body: Body): Affine | undefined {
  if (!body.isFree(node)) return undefined;
  if (BATCH_NORM.test(node.op)) return batchNormOf(node, body);
  if (node.op !== "Mul" && node.op !== "RealDiv") return undefined;
  const sides = node.op === "Mul" ? [0, 1] : [0];
  for (const side of sides) {
    const linear = innerLinear(node.inputs[side], body);
    const factor = linear === undefined ? undefined : perChannel(body.floats(node.inputs[1 - side]), linear);
    if (linear === undefined || factor === undefined) continue;
    return { node, linear, scale: node.op === "Mul" ? factor : floats(factor.shape, factor.data.map((x) => 1 / x)), offset: undefined };
  }
  return undefined;
}

function batchNormOf(node: GraphNode, body: Body): Affine | undefined {
  const linear = innerLinear(node.inputs[0], body);
  const epsilon = node.attrs["epsilon"]?.f;
  // Not the one that normalises by the batch's own moments; and its other outputs, the moments, are nobody's.
  if (linear === undefined || boolOf(node.attrs, "is_training", true) || textOf(node.attrs, "data_format", "NHWC") !== "NHWC" || typeof epsilon !== "number") return undefined;
  if ([...body.readers(node)].some(({ inputs }) => inputs.some((input) => input.startsWith(`${node.name}:`)))) return undefined;
  const [gamma, beta, mean, variance] = node.inputs.slice(1).map((input) => perChannel(body.floats(input), linear)?.data);
  if (gamma === undefined || beta === undefined || mean === undefined || variance === undefined) return undefined;
  const factors = Array.from(gamma, (factor, i) => factor / Math.sqrt((variance[i] ?? 0) + epsilon));
  const shape = [linear.channels];
  return {
    node,
    linear,
    scale: floats(shape, Float32Array.from(factors)),
    offset: floats(shape, Float32Array.from(beta, (shift, i) => shift - (mean[i] ?? 0) * (factors[i] ?? 0))),
  };
}

/** A linear op whose only reader this is, with weights that can be multiplied. */
function innerLinear(reference: string | undefined, body: Body): Linear | undefined {
  const linear = linearOf(body.node(reference), body);
  if (linear === undefined || !body.isInner(linear.node) || body.floats(linear.filter) === undefined) return undefined;
  return linear.bias !== undefined && body.floats(linear.bias) === undefined ? undefined : linear;
}

/** All that the weights are used for, if every use is scaled alike (two signature defs share weights); else undefined. */
function groupOf({ linear, scale }: Affine, body: Body): readonly Affine[] | undefined {
  const filter = body.node(linear.filter);
  if (filter === undefined || body.isKept(filter)) return undefined;
  const group: Affine[] = [];
  for (const user of body.readers(filter)) {
    const [reader] = body.readers(user);
    const affine = reader === undefined ? undefined : affineOf(reader, body);
    if (affine?.linear.node !== user || affine.linear.kind !== linear.kind || user.inputs[1] !== linear.filter) return undefined;
    if (affine.linear.channels !== linear.channels || affine.scale.data.some((x, i) => x !== scale.data[i])) return undefined;
    group.push(affine);
  }
  return group;
}

/** The channels of the output are a filter's last axis; its last two where each channel is convolved by itself. */
function scaled(filter: FloatValue, { linear, scale }: Affine): FloatValue {
  return floats(filter.shape, filter.data.map((x, i) => x * (scale.data[i % linear.channels] ?? 1)));
}

function apply({ node, linear, scale, offset }: Affine, filter: string, body: Body): void {
  const bias = body.floats(linear.bias);
  const sum = bias === undefined ? offset?.data : bias.data.map((x, i) => x * (scale.data[i] ?? 1) + (offset?.data[i] ?? 0));
  const biasName = sum === undefined ? undefined : body.addConstant(`${node.name}/bias`, floats([linear.channels], sum), node);
  body.rewrite(node, withParts(linear, { filter, bias: biasName }));
}
