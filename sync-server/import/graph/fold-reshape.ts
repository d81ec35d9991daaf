import { intOf } from "./attrs.ts";
import { ints } from "./fold-value.ts";
import type { GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

/**
 * A shape that is put together at each request (`[batch, 400]`, as Keras flattens) becomes a constant where only one of its sizes
 * is not known: Reshape finds that one by itself.
 */
export function foldReshapes(body: Body): Tally {
  const tally = new Map<string, number>();
  for (const node of body.nodes()) {
    if (node.op !== "Reshape" || !body.isFree(node)) continue;
    const [x = "", shape] = node.inputs;
    const sizes = sizesOf(body.node(shape), body);
    if (sizes === undefined) continue;
    const name = body.addConstant(`${node.name}/shape`, ints([sizes.length], Int32Array.from(sizes)), node);
    body.rewrite(node, { op: "Reshape", inputs: [x, name], attrs: node.attrs });
    count(tally, "Reshape");
  }
  return tally;
}

function sizesOf(pack: GraphNode | undefined, body: Body): readonly number[] | undefined {
  if (pack?.op !== "Pack" || !body.isFree(pack) || intOf(pack.attrs, "axis", 0) !== 0) return undefined;
  const sizes = pack.inputs.map((input) => {
    const size = body.value(input);
    return size?.dtype === "int32" && size.shape.length === 0 ? (size.data[0] ?? 0) : -1;
  });
  // Beside an empty axis, or one that is to be found already, another cannot be found.
  return sizes.every((size) => size !== 0) && sizes.filter((size) => size === -1).length === 1 ? sizes : undefined;
}
