import { nodeOf } from "../graph-nodes.ts";
import type { Graph, GraphNode } from "./graph.ts";

export interface Reached {
  /** Names of the graph's own nodes. */
  readonly nodes: ReadonlySet<string>;
  /** Names of functions, those that functions call among them. */
  readonly functions: ReadonlySet<string>;
}

export interface ReachOptions {
  /** References whose values come from outside: what makes them is not needed. */
  readonly fed?: Iterable<string>;
  /** Whether to follow inputs that only order. Default true. */
  readonly control?: boolean;
}

/** What computing `fetches` (`node:0`) needs. */
export function reach(graph: Graph, fetches: Iterable<string>, { fed = [], control = true }: ReachOptions = {}): Reached {
  const byName = new Map(graph.nodes.map((node) => [node.name, node]));
  const given = new Set([...fed].map(nodeOf));
  const nodes = new Set<string>();
  const frontier = [...fetches].map(nodeOf);
  const calls: GraphNode[] = [];
  for (let name = frontier.pop(); name !== undefined; name = frontier.pop()) {
    if (nodes.has(name)) continue;
    const node = byName.get(name);
    if (node === undefined) continue;
    nodes.add(name);
    if (given.has(name)) continue;
    calls.push(node);
    for (const input of node.inputs) if (control || !input.startsWith("^")) frontier.push(nodeOf(input));
  }
  return { nodes, functions: reachFunctions(graph, calls) };
}

function reachFunctions(graph: Graph, nodes: readonly GraphNode[]): Set<string> {
  const byName = new Map(graph.functions.map((body) => [body.name, body]));
  const functions = new Set<string>();
  const frontier = nodes.flatMap(functionsOf);
  for (let name = frontier.pop(); name !== undefined; name = frontier.pop()) {
    const body = byName.get(name);
    if (functions.has(name) || body === undefined) continue;
    functions.add(name);
    for (const node of body.nodes) frontier.push(...functionsOf(node));
  }
  return functions;
}

/** The functions that a node's attributes name. */
export function functionsOf({ attrs }: GraphNode): string[] {
  return Object.values(attrs).flatMap(({ func, list }) => [...(func === undefined ? [] : [func.name]), ...(list?.func ?? []).map(({ name }) => name)]);
}

/**
 * Keeps of a graph only what was reached, and of its constants only those that are left. A node whose inputs were not reached is
 * one that is always fed: it becomes a placeholder.
 */
export function keepReached(graph: Graph, { nodes, functions }: Reached): void {
  const gone = new Set(graph.nodes.map(({ name }) => name).filter((name) => !nodes.has(name)));
  graph.nodes = graph.nodes.filter(({ name }) => nodes.has(name));
  for (const node of graph.nodes) {
    if (!node.inputs.some((input) => gone.has(nodeOf(input)))) continue;
    const { dtype = node.attrs["T"], shape } = node.attrs;
    Object.assign(node, { op: "Placeholder", inputs: [], attrs: { ...(dtype && { dtype }), ...(shape && { shape }) } });
  }
  graph.functions = graph.functions.filter(({ name }) => functions.has(name));
  const left = new Set([graph.nodes, ...graph.functions.map((body) => body.nodes)].flat().map(({ name }) => name));
  for (const name of graph.constants.keys()) if (!left.has(name)) graph.constants.delete(name);
}
