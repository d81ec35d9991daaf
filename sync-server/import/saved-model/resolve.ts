import type { GraphNode } from "../graph/graph.ts";
import { parseReference } from "../graph/references.ts";

/** The node that makes a tensor, and which of its outputs it is, past identities. */
export interface Source {
  readonly node: GraphNode;
  readonly output: number;
}

export function sourceOf(reference: string, nodes: ReadonlyMap<string, GraphNode>): Source | undefined {
  let { node: name, output } = parseReference(reference);
  // A damaged graph may lead in circles.
  for (let step = 0; step <= nodes.size; step++) {
    const node = nodes.get(name);
    if (node === undefined) return undefined;
    if (node.op !== "Identity" && node.op !== "IdentityN" && node.op !== "RefIdentity") return { node, output };
    ({ node: name, output } = parseReference(node.inputs[output] ?? ""));
  }
  return undefined;
}
