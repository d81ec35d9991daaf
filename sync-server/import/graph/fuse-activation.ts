import { floatOf } from "./attrs.ts";
import { isPerChannel, linearOf, withParts, type Activation, type Linear } from "./fuse-linear.ts";
import type { GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

/** The activation after a convolution or matrix product becomes part of it. */
export function fuseActivations(body: Body): Tally {
  const tally = new Map<string, number>();
  for (const node of body.nodes()) {
    const { op } = node;
    if (fuseActivation(node, body) || movePastPool(node, body)) count(tally, op);
  }
  return tally;
}

function fuseActivation(node: GraphNode, body: Body): boolean {
  const linear = linearOf(body.node(node.inputs[0]), body);
  if (linear === undefined || !body.isFree(node) || !body.isInner(linear.node)) return false;
  const activation = activationOf(node, linear, body);
  if (activation === undefined) return false;
  body.rewrite(node, withParts(linear, { activation }));
  return true;
}

function activationOf({ op, inputs, attrs }: GraphNode, { kind, bias, channels }: Linear, body: Body): Activation | undefined {
  switch (op) {
    case "Relu":
    case "Relu6":
    case "Elu":
    case "Sigmoid":
      return { op };
    case "LeakyRelu":
      // TF.js reads no alpha of a depthwise convolution.
      return kind === "depthwise" ? undefined : { op, alpha: floatOf(attrs, "alpha", 0.2) };
    case "Prelu": {
      const [, alpha] = inputs;
      const shape = body.shape(alpha);
      if (alpha === undefined || shape === undefined || !isPerChannel(shape, channels)) return undefined;
      // TF.js takes the first of a product's arguments for a bias, and an alpha of one or three axes.
      const fits = kind === "matmul" ? bias !== undefined && shape.length <= 2 : shape.length === 1 || shape.length === 3;
      return fits ? { op, alpha } : undefined;
    }
    default:
      return undefined;
  }
}

/** A clamp gives the same before a maximum as after it, and before it costs nothing. */
function movePastPool(node: GraphNode, body: Body): boolean {
  if ((node.op !== "Relu" && node.op !== "Relu6") || !body.isFree(node)) return false;
  const pool = body.node(node.inputs[0]);
  if (pool?.op !== "MaxPool" || !body.isInner(pool)) return false;
  const linear = linearOf(body.node(pool.inputs[0]), body);
  if (linear === undefined || !body.isInner(linear.node)) return false;
  const fused = withParts(linear, { activation: { op: node.op } });
  body.rewriteAll(new Map([[linear.node, fused], [node, { op: pool.op, inputs: pool.inputs, attrs: pool.attrs }]]));
  return true;
}
