import type { Graph, GraphNode } from "./graph.ts";
import type { NodeNames } from "./node-names.ts";
import { nodeOf } from "../graph-nodes.ts";
import { parseReference, referTo } from "./references.ts";
import { scopesOf } from "./rewrite.ts";

/**
 * Lets constants of a branch of TF1's `cond` be dead where the other branch is taken. To TF.js a constant is always alive, and a Merge
 * takes the first of its inputs that is. Each goes through a Switch of its own, by the predicate of the branch that it waits for.
 */
export function gateBranchConstants(graph: Graph, names: NodeNames): string[] {
  let count = 0;
  for (const { nodes } of scopesOf(graph)) {
    const byName = new Map(nodes.map((node) => [node.name, node]));
    const alive = new Map<string, string>();
    const gates: GraphNode[] = [];
    for (const node of nodes) {
      if (node.op !== "Const") continue;
      const gate = node.inputs.map((input) => gateOf(input, byName)).find((found) => found !== undefined);
      if (gate === undefined) continue;
      const name = names.fresh(`${node.name}/Switch`);
      alive.set(node.name, referTo(name, gate.output));
      node.inputs = [];
      gates.push({ name, op: "Switch", inputs: [node.name, gate.predicate], attrs: {} });
    }
    if (gates.length === 0) continue;
    for (const node of nodes) node.inputs = node.inputs.map((input) => alive.get(input) ?? input);
    nodes.push(...gates);
    count += gates.length;
  }
  return count === 0 ? [] : [`bound ${count} constants to the branch that they are of`];
}

interface Gate {
  readonly predicate: string;
  readonly output: number;
}

/** The branch that a control input waits for: the identity of a Switch's output. A loop's own Switch is none. */
function gateOf(input: string, byName: ReadonlyMap<string, GraphNode>): Gate | undefined {
  if (!input.startsWith("^")) return undefined;
  const pivot = byName.get(nodeOf(input));
  if (pivot?.op !== "Identity") return undefined;
  const { node, output } = parseReference(pivot.inputs[0] ?? "");
  const branch = byName.get(node);
  const predicate = branch?.inputs[1];
  if (branch?.op !== "Switch" || predicate === undefined || byName.get(nodeOf(predicate))?.op === "LoopCond") return undefined;
  return { predicate, output };
}
