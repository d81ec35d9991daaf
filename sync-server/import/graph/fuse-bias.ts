import { textOf } from "./attrs.ts";
import { floats } from "./fold-value.ts";
import { isPerChannel, linearOf, perChannel, withParts, type Linear } from "./fuse-linear.ts";
import type { GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

/** A number for all channels becomes one for each where there are not more of them than this. */
const SPREAD = 256;

/** What is added to each channel of a convolution or matrix product becomes its bias, or part of the bias that it has. */
export function fuseBiases(body: Body): Tally {
  const tally = new Map<string, number>();
  for (const node of body.nodes()) {
    const { op } = node;
    if (fuseBias(node, body)) count(tally, `${op} into bias`);
  }
  return tally;
}

function fuseBias(node: GraphNode, body: Body): boolean {
  if (!["BiasAdd", "Add", "AddV2", "Sub"].includes(node.op) || !body.isFree(node) || textOf(node.attrs, "data_format", "NHWC") !== "NHWC") return false;
  for (const side of node.op === "Add" || node.op === "AddV2" ? [0, 1] : [0]) {
    const linear = linearOf(body.node(node.inputs[side]), body);
    if (linear === undefined || !body.isInner(linear.node)) continue;
    const bias = biasOf(linear, node, node.inputs[1 - side], body);
    if (bias === undefined) continue;
    body.rewrite(node, withParts(linear, { bias }));
    return true;
  }
  return false;
}

/** The name of the constant that is the bias then. */
function biasOf(linear: Linear, node: GraphNode, added: string | undefined, body: Body): string | undefined {
  const constant = body.constant(added);
  const { channels, rank } = linear;
  if (added === undefined || constant === undefined || constant.tensor.dtype !== "float32" || constant.tensor.shape.length > rank) return undefined;
  if (linear.bias === undefined && node.op !== "Sub" && isPerChannel(constant.tensor.shape, channels)) {
    if (constant.tensor.shape.length === 1) return added;
    // Quantised or not, its bytes are the same in another shape.
    const shape = [channels];
    return body.addConstant(`${node.name}/bias`, constant.kind === "dense" ? { kind: "dense", tensor: { ...constant.tensor, shape } } : { kind: "stored", tensor: { ...constant.tensor, shape } }, node);
  }
  const value = perChannel(body.floats(added), linear);
  const old = linear.bias === undefined ? undefined : body.floats(linear.bias);
  const spreads = value !== undefined && body.floats(added)?.data.length !== channels;
  if (value === undefined || (linear.bias !== undefined && old === undefined) || (spreads && channels > SPREAD && old === undefined)) return undefined;
  const sign = node.op === "Sub" ? -1 : 1;
  return body.addConstant(`${node.name}/bias`, floats([channels], value.data.map((x, i) => (old?.data[i] ?? 0) + sign * x)), node);
}
