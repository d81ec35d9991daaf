import { foldKernels } from "./fold-kernels.ts";
import type { Value } from "./fold-value.ts";
import type { GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

/** A result of up to so many bytes may replace its node whatever becomes of the inputs: the node's own text is not shorter by much. */
const SMALL = 1024;

/**
 * Nodes whose inputs are all constants become constants. The weights do not grow by it: a result that is larger than `SMALL` has
 * to have no more bytes than the constants that go with its node.
 */
export function foldConstants(body: Body): Tally {
  const tally = new Map<string, number>();
  const frontier = [...body.nodes()].toReversed();
  for (let node = frontier.pop(); node !== undefined; node = frontier.pop()) {
    const folded = body.node(node.name) === node ? fold(node, body) : undefined;
    if (folded === undefined) continue;
    const readers = body.isKept(node) ? [] : [...body.readers(node)];
    count(tally, `folded ${node.op}`);
    if (body.isKept(node)) {
      // Whoever fetches it finds a node that computes, not a weight.
      const name = body.addConstant(`${node.name}/folded`, folded, node);
      body.rewrite(node, { op: "Identity", inputs: [name], attrs: {} });
    } else {
      body.setConstant(node, folded);
    }
    frontier.push(...readers);
  }
  return tally;
}

function fold(node: GraphNode, body: Body): Value | undefined {
  const kernel = foldKernels.get(node.op);
  if (kernel === undefined || node.inputs.length === 0 || (node.op === "Identity" && body.isKept(node))) return undefined;
  const inputs: Value[] = [];
  for (const input of node.inputs) {
    const value = body.value(input);
    if (value === undefined) return undefined;
    inputs.push(value);
  }
  const allowed = Math.max(SMALL, bytesThatGo(node, body));
  const folded = kernel(inputs, { attrs: node.attrs, limit: allowed / (inputs.every(({ dtype }) => dtype === "bool") ? 1 : 4) });
  return folded !== undefined && folded.data.byteLength <= allowed ? folded : undefined;
}

function bytesThatGo(node: GraphNode, body: Body): number {
  let bytes = 0;
  for (const input of new Set(node.inputs)) {
    const constant = body.node(input);
    if (constant !== undefined && body.readers(constant).size === 1) bytes += body.value(input)?.data.byteLength ?? 0;
  }
  return bytes;
}
