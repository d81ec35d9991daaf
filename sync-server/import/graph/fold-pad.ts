import { intsAttr, intsOf, textAttr, textOf } from "./attrs.ts";
import { linearOf, withParts } from "./fuse-linear.ts";
import type { GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

/** Zeros that are put around an image become the padding of the convolution that reads it. */
export function foldPads(body: Body): Tally {
  const tally = new Map<string, number>();
  for (const node of body.nodes()) {
    const pad = body.node(node.inputs[0]);
    if (pad !== undefined && foldPad(node, pad, body)) count(tally, pad.op);
  }
  return tally;
}

function foldPad(node: GraphNode, pad: GraphNode, body: Body): boolean {
  if ((pad.op !== "Pad" && pad.op !== "PadV2") || !body.isInner(pad)) return false;
  const linear = linearOf(node, body);
  const [x] = pad.inputs;
  if (linear === undefined || linear.kind === "matmul" || x === undefined) return false;
  const around = body.value(pad.inputs[1]);
  if (around?.dtype !== "int32" || String(around.shape) !== "4,2" || (pad.op === "PadV2" && body.value(pad.inputs[2])?.data[0] !== 0)) return false;
  const own = paddingOf(node);
  const sides = Array.from(around.data);
  if (own === undefined || [0, 1, 6, 7].some((side) => sides[side] !== 0) || sides.some((size) => size < 0)) return false;
  const attrs = { padding: textAttr("EXPLICIT"), explicit_paddings: intsAttr(sides.map((size, side) => size + (own[side] ?? 0))) };
  body.rewrite(node, withParts(linear, { x, attrs }));
  return true;
}

/** The zeros that a convolution puts around its input itself; undefined where that depends on the input's size. */
function paddingOf({ attrs }: GraphNode): readonly number[] | undefined {
  switch (textOf(attrs, "padding", "")) {
    case "VALID":
      return [0, 0, 0, 0, 0, 0, 0, 0];
    case "EXPLICIT":
      return intsOf(attrs, "explicit_paddings");
    default:
      return undefined;
  }
}
