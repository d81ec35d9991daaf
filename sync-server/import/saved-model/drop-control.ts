import { nodeOf } from "../graph-nodes.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import { scopesOf } from "../graph/rewrite.ts";

/** Control flow as TF1 lowers it: dead and live tensors, and frames of loops. */
const LOWERED: ReadonlySet<string> = new Set(["Switch", "RefSwitch", "Merge", "RefMerge", "Enter", "RefEnter", "Exit", "NextIteration", "LoopCond"]);
/** What a constant may wait for to be of a branch or of a loop's turn. */
const PIVOTS: ReadonlySet<string> = new Set([...LOWERED, "Identity"]);

export function isLowered({ op }: GraphNode): boolean {
  return LOWERED.has(op);
}

/**
 * Takes away inputs that only order: a graph of pure functions has no order to keep, and TF.js takes them for data. Where TF1's
 * control flow is, those that say in which branch or loop a node is stay.
 */
export function dropControlInputs(graph: Graph): string[] {
  let count = 0;
  for (const { nodes } of scopesOf(graph)) {
    const pivots = nodes.some(isLowered) ? new Set(nodes.filter(({ op }) => PIVOTS.has(op)).map(({ name }) => name)) : new Set<string>();
    for (const node of nodes) {
      const kept = node.inputs.filter((input) => !input.startsWith("^") || pivots.has(nodeOf(input)));
      count += node.inputs.length - kept.length;
      node.inputs = kept;
    }
  }
  return count === 0 ? [] : [`dropped ${count} control inputs`];
}
