import type { Graph, GraphNode } from "../graph/graph.ts";
import { whyWrong } from "../graph/wrong-ops.ts";
import { namedUnsupportedOps } from "../unsupported-ops.ts";
import { refuse, reachOf, type Draft } from "./draft.ts";
import type { Reached } from "../graph/reach.ts";

/**
 * Refuses the signature defs that TF.js cannot compute, or would compute wrongly without a word, naming what stands in the way.
 * @param misfits constants that do not fit TF.js's dtypes, by node, and why
 */
export function refuseUncomputable(draft: Draft, misfits: ReadonlyMap<string, string>): void {
  for (const [name, def] of draft.signatureDefs) {
    const part = partOf(draft.graph, reachOf(draft.graph, def));
    const named = namedUnsupportedOps({ modelTopology: { node: opsOf(part.nodes), library: { function: part.functions.map((body) => ({ signature: { name: body.name }, nodeDef: opsOf(body.nodes) })) } } });
    const unfit = [part.nodes, ...part.functions.map((body) => body.nodes)].flat().flatMap((node) => misfits.get(node.name) ?? []);
    const wrong = [...new Set([...part.nodes.map((node) => whyWrong(node, false)), ...part.functions.flatMap((body) => body.nodes.map((node) => whyWrong(node, true)))])].filter((why) => why !== undefined);
    const reasons = [...(named === undefined ? [] : [`uses operations that TensorFlow.js cannot execute: ${named}`]), ...[...wrong, ...unfit].map((why) => `cannot be computed: ${why}`)];
    if (reasons.length > 0) refuse(draft, name, reasons.slice(0, REASONS).join("; it "));
  }
}

const REASONS = 4;

function partOf(graph: Graph, { nodes, functions }: Reached): Pick<Graph, "nodes" | "functions"> {
  return { nodes: graph.nodes.filter(({ name }) => nodes.has(name)), functions: graph.functions.filter(({ name }) => functions.has(name)) };
}

function opsOf(nodes: readonly GraphNode[]): { name: string; op: string }[] {
  return nodes.map(({ name, op }) => ({ name, op }));
}
