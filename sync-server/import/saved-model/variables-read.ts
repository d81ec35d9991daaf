import type { GraphNode } from "../graph/graph.ts";
import { refuse, reachOf, type Draft } from "./draft.ts";
import { changesVariable, effectfulFunctions, hasEffects } from "./effects.ts";
import { sourceOf } from "./resolve.ts";
import { dataInputs } from "../graph/references.ts";

const VARIABLES: ReadonlySet<string> = new Set(["VarHandleOp", "VariableV2", "Variable"]);

/** Whether a node is a variable, as TF1 or TF2 has them. */
export function isVariable({ op }: GraphNode): boolean {
  return VARIABLES.has(op);
}

/**
 * Refuses the signature defs that change what any of them reads: served from constants, they would answer what was true when the
 * model was saved. A change that nothing reads (a counter of calls) is left out.
 */
export function refuseStateful(draft: Draft): void {
  const { graph, signatureDefs } = draft;
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const effectful = effectfulFunctions(graph);
  const read = new Set<string>();
  const changed = new Map<string, Map<string, GraphNode>>();
  for (const [signature, def] of signatureDefs) {
    for (const name of reachOf(graph, def, false).nodes) {
      const node = nodes.get(name);
      if (node !== undefined && isVariable(node)) read.add(name);
    }
    const changes = new Map<string, GraphNode>();
    for (const name of reachOf(graph, def).nodes) {
      const node = nodes.get(name);
      if (node === undefined || !hasEffects(node, effectful)) continue;
      // A loop or a branch is taken to change every variable that it is given.
      for (const input of changesVariable(node) ? node.inputs.slice(0, 1) : dataInputs(node.inputs)) {
        const source = sourceOf(input, nodes)?.node;
        if (source !== undefined && isVariable(source)) changes.set(source.name, node);
      }
    }
    changed.set(signature, changes);
  }
  for (const [signature, changes] of changed) {
    for (const [variable, node] of changes) {
      if (!read.has(variable)) continue;
      refuse(draft, signature, `changes the variable ${variable} (${node.op}, the node ${node.name}), and what is served here keeps no state between requests`);
      break;
    }
  }
}
