import { linearOf } from "./fuse-linear.ts";
import type { GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

/** `relu(x) + c relu(-x)`, which is what Keras writes for PReLU, becomes one op with the slope -c. */
export function fusePrelus(body: Body): Tally {
  const tally = new Map<string, number>();
  for (const node of body.nodes()) if (fusePrelu(node, body)) count(tally, "Prelu");
  return tally;
}

function fusePrelu(node: GraphNode, body: Body): boolean {
  if ((node.op !== "AddV2" && node.op !== "Add") || !body.isFree(node)) return false;
  for (const side of [0, 1]) {
    const positive = innerOf(node.inputs[side], "Relu", body);
    const negative = innerOf(node.inputs[1 - side], "Mul", body);
    const x = positive?.inputs[0];
    if (x === undefined || negative === undefined) continue;
    for (const factor of [0, 1]) {
      const slope = body.floats(negative.inputs[factor]);
      const flipped = innerOf(innerOf(negative.inputs[1 - factor], "Relu", body)?.inputs[0], "Neg", body);
      if (slope === undefined || flipped?.inputs[0] !== x || !isAlongLastAxis(slope.shape, x, body)) continue;
      const alpha = body.addConstant(`${node.name}/alpha`, { ...slope, data: slope.data.map((value) => -value) }, node);
      body.rewrite(node, { op: "Prelu", inputs: [x, alpha], attrs: {} });
      return true;
    }
  }
  return false;
}

function innerOf(reference: string | undefined, op: string, body: Body): GraphNode | undefined {
  const node = body.node(reference);
  return node?.op === op && body.isInner(node) ? node : undefined;
}

/** The wasm backend lays the slopes along the last axis. Only of a convolution is it known that the result has four. */
function isAlongLastAxis(shape: readonly number[], x: string, body: Body): boolean {
  if (shape.slice(0, -1).some((size) => size !== 1)) return false;
  return shape.length <= 1 || shape.length <= (linearOf(body.node(x), body)?.rank ?? 1);
}
