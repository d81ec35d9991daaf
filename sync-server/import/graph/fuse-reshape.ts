import { textOf } from "./attrs.ts";
import { linearOf, type Linear } from "./fuse-linear.ts";
import type { GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

const ADDITIONS: ReadonlySet<string> = new Set(["Add", "AddV2", "BiasAdd"]);
const ACTIVATIONS: ReadonlySet<string> = new Set(["Elu", "LeakyRelu", "Relu", "Relu6", "Sigmoid"]);

/**
 * What is done to each channel after a Reshape that keeps the channels is done before it, where it can become part of the matrix
 * product: Keras takes an input with more than two axes through `Reshape, MatMul, Reshape, BiasAdd`.
 */
export function moveBeforeReshapes(body: Body): Tally {
  const tally = new Map<string, number>();
  for (const node of body.nodes()) {
    const { op } = node;
    if (body.isFree(node) && moveBeforeReshape(node, body)) count(tally, `${op} before Reshape`);
  }
  return tally;
}

function moveBeforeReshape(node: GraphNode, body: Body): boolean {
  const sides = node.op === "Add" || node.op === "AddV2" ? [0, 1] : ACTIVATIONS.has(node.op) || node.op === "BiasAdd" ? [0] : [];
  for (const side of sides) {
    const reshape = body.node(node.inputs[side]);
    if (reshape?.op !== "Reshape" || !body.isInner(reshape)) continue;
    const [x = "", shape = ""] = reshape.inputs;
    const linear = linearOf(body.node(x), body);
    if (linear === undefined || !body.isInner(linear.node) || !keepsChannels(shape, linear, body)) continue;
    const others = node.inputs.toSpliced(side, 1);
    if (ADDITIONS.has(node.op) && (String(body.shape(others[0])) !== String([linear.channels]) || textOf(node.attrs, "data_format", "NHWC") !== "NHWC")) continue;
    const inner = { op: node.op, inputs: [x, ...others], attrs: node.attrs };
    body.rewriteAll(new Map([[reshape, inner], [node, { op: "Reshape", inputs: [reshape.name, shape], attrs: {} }]]));
    return true;
  }
  return false;
}

function keepsChannels(shape: string, { channels }: Linear, body: Body): boolean {
  return body.value(shape)?.data.at(-1) === channels;
}
