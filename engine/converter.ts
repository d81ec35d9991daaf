import type { GraphModel } from "@tensorflow/tfjs-converter";
import { loadGraphModelSync } from "@tensorflow/tfjs-converter";
import type { io } from "@tensorflow/tfjs-core";
import { AshoreError } from "../protocol/errors.ts";

/**
 * What we use of TF.js's converter beyond its public API, in one place: the nodes of a loaded graph, each with the category
 * that the converter's own tables of operations give it. A node without a category is one that it cannot execute.
 */
export interface ConverterNode {
  readonly name: string;
  readonly op: string;
  readonly category?: string | undefined;
  readonly inputs: readonly ConverterNode[];
}

interface ConverterGraph {
  readonly nodes: Readonly<Record<string, ConverterNode>>;
  readonly functions?: Readonly<Record<string, ConverterGraph>> | undefined;
}

/** The graph of a loaded model, and the graphs of the functions in its library. */
export function graphOf(model: GraphModel | GraphModel<io.IOHandlerSync>): ConverterGraph {
  const executor: unknown = Reflect.get(model, "executor");
  const graph: unknown = typeof executor === "object" && executor !== null ? Reflect.get(executor, "graph") : undefined;
  if (!isGraph(graph)) {
    throw new AshoreError("INTERNAL", "This version of @tensorflow/tfjs-converter keeps its graphs elsewhere; engine/converter.ts must follow it.");
  }
  return graph;
}

function isGraph(value: unknown): value is ConverterGraph {
  return typeof value === "object" && value !== null && "nodes" in value && typeof value.nodes === "object" && value.nodes !== null;
}

/** The converter's category of each op (`control`, `dynamic`, `convolution`, …); undefined for one that it cannot execute. */
export function categoriesOf(ops: Iterable<string>): ReadonlyMap<string, string | undefined> {
  const names = [...new Set(ops)];
  const model = loadGraphModelSync({
    modelTopology: { node: names.map((op, i) => ({ name: `op${i}`, op })), versions: {} },
    weightSpecs: [],
    weightData: new ArrayBuffer(0),
  });
  const { nodes } = graphOf(model);
  return new Map(names.map((op, i) => [op, nodes[`op${i}`]?.category]));
}

/**
 * Whether computing `fetches` (graph tensor names) from `feeds` must go through `executeAsync`: control flow, shapes known only
 * after computing, hash tables. TF.js's own test of this misses some ops (`If`, NonMaxSuppressionV4) whose kernels are
 * asynchronous all the same; the categories do not.
 */
export function needsAsync(graph: ConverterGraph, feeds: readonly string[], fetches: readonly string[]): boolean {
  const fed = new Set(feeds.map(nodeName));
  const seen = new Set<ConverterNode>();
  const frontier: ConverterNode[] = [];
  const visit = (node: ConverterNode | undefined): void => {
    if (node === undefined || seen.has(node) || fed.has(node.name)) return;
    seen.add(node);
    frontier.push(node);
  };
  for (const fetch of fetches) visit(graph.nodes[nodeName(fetch)]);
  for (let node = frontier.pop(); node !== undefined; node = frontier.pop()) {
    if (isAsync(node)) return true;
    for (const input of node.inputs) visit(input);
  }
  return false;
}

function isAsync({ op, category }: ConverterNode): boolean {
  if (category === "dynamic" || category === "hash_table" || category === "custom") return true;
  // Tensor lists and arrays are in the category of control flow, and are synchronous.
  return category === "control" && !op.startsWith("Tensor");
}

/** `scope/y:1` is output 1 of the node `scope/y`. */
export function nodeName(tensor: string): string {
  const colon = tensor.indexOf(":");
  return colon < 0 ? tensor : tensor.slice(0, colon);
}
