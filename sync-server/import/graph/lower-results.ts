import type { Graph, GraphFunction } from "./graph.ts";
import type { NodeNames } from "./node-names.ts";
import { parseReference } from "./references.ts";

/** Which input of an op is put into a list. */
export const LIST_WRITES: Readonly<Record<string, number>> = { TensorListSetItem: 2, TensorListPushBack: 1 };

/** What TF.js leaves alone while a function runs. */
const LEFT_ALONE: ReadonlySet<string> = new Set(["StatelessIf", "StatelessWhile"]);

/**
 * Gives results of a function that are outputs of one node a node each: TF.js remembers one output for a node, and answers it for all
 * of them. The last stage, since it puts back what optimising drops.
 */
export function separateResults(graph: Graph, names: NodeNames): string[] {
  let count = 0;
  for (const body of graph.functions) {
    const shared = sharedNodes(body);
    const nodes = new Map(body.nodes.map((node) => [node.name, node]));
    const written = new Set(body.nodes.flatMap(({ op, inputs }) => inputs[LIST_WRITES[op] ?? -1] ?? []));
    for (const result of body.results) {
      const { node } = parseReference(result.from);
      if (!shared.has(node)) continue;
      // An identity copies: what a list holds must be the very tensor, which this op hands on.
      const same = LEFT_ALONE.has(nodes.get(node)?.op ?? "") || written.has(result.from);
      const name = names.fresh(`${node}/result`);
      body.nodes.push({ name, op: same ? "PlaceholderWithDefault" : "Identity", inputs: [result.from], attrs: {} });
      result.from = name;
      count += 1;
    }
  }
  return count === 0 ? [] : [`gave ${count} results of functions a node of their own`];
}

/** Nodes of which a function gives more than one output. */
function sharedNodes({ results }: GraphFunction): ReadonlySet<string> {
  const first = new Map<string, number>();
  const shared = new Set<string>();
  for (const { from } of results) {
    const { node, output } = parseReference(from);
    const other = first.get(node) ?? output;
    first.set(node, other);
    if (other !== output) shared.add(node);
  }
  return shared;
}
