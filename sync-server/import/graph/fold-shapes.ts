import { ints } from "./fold-value.ts";
import { sizesOf, type Known, type Sizes } from "./fold-sizes.ts";
import type { GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

/** Ops that compute with sizes; of others no values are known. */
const OF_SIZES: ReadonlySet<string> = new Set(["Shape", "Size", "Rank", "StridedSlice", "GatherV2", "Prod", "Pack", "ConcatV2", "ExpandDims"]);

/**
 * Computes with shapes what can be known before any request: sizes that the placeholders state become constants, a shape with one
 * open size is a constant for Reshape, which finds that one by itself (`[batch, 400]`, as Keras flattens), and what changes
 * neither shape nor order goes.
 */
export function foldShapes(body: Body): Tally {
  const tally = new Map<string, number>();
  const all = sizesOf(body);
  for (const node of body.nodes()) {
    const { op } = node;
    if (body.isFree(node) && foldOne(node, all, body)) count(tally, op);
  }
  return tally;
}

function foldOne(node: GraphNode, all: ReadonlyMap<string, Known>, body: Body): boolean {
  const own = all.get(node.name);
  const [x = "", second = ""] = node.inputs;
  if (OF_SIZES.has(node.op)) {
    if (own?.values === undefined || !isKnown(own.values) || !isKnown(own.shape) || body.isKept(node)) return false;
    body.setConstant(node, ints(own.shape, Int32Array.from(own.values)));
    return true;
  }
  if (node.op === "Transpose" && !body.isKept(node)) {
    return all.get(second)?.values?.every((axis, at) => axis === at) === true && body.redirect(node.name, x);
  }
  return node.op === "Reshape" && foldReshape(node, all, body);
}

function foldReshape(node: GraphNode, all: ReadonlyMap<string, Known>, body: Body): boolean {
  const [x = "", shape = ""] = node.inputs;
  const sizes = all.get(shape)?.values;
  // Beside an empty axis an open one cannot be found, nor can one of two.
  if (sizes === undefined || sizes.includes(0) || sizes.filter((size) => size === undefined || size === -1).length > 1) return false;
  if (!body.isKept(node) && isSame(all.get(x)?.shape, all.get(node.name)?.shape) && body.redirect(node.name, x)) return true;
  if (body.constant(shape) !== undefined) return false;
  const name = body.addConstant(`${node.name}/shape`, ints([sizes.length], Int32Array.from(sizes, (size) => size ?? -1)), node);
  body.rewrite(node, { op: "Reshape", inputs: [x, name], attrs: node.attrs });
  return true;
}

function isKnown(sizes: Sizes): sizes is readonly number[] {
  return !sizes.includes(undefined);
}

/** Equal, with one size at most that is not known: the count of all elements leaves it no choice. */
function isSame(a: Sizes | undefined, b: Sizes | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && !a.includes(0) && a.every((size, axis) => size === b[axis]) && a.filter((size) => size === undefined).length <= 1;
}
