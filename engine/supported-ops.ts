import type { GraphFile, GraphNode } from "../protocol/graph.ts";
import { categoriesOf } from "./converter.ts";

export interface UnsupportedOp {
  readonly op: string;
  /** How many nodes use it. */
  readonly count: number;
  /** The names of the first few of them, `function/node` inside the library. */
  readonly nodes: readonly string[];
}

const NODES_NAMED = 3;

/**
 * The operations of a graph, its initializer and its function library that TF.js cannot execute, by name. What it can is read
 * from the converter that runs here, not from a list of ours.
 */
export function unsupportedOps({ modelTopology, modelInitializer }: Pick<GraphFile, "modelTopology" | "modelInitializer">): readonly UnsupportedOp[] {
  const used = new Map<string, string[]>();
  const collect = (prefix: string, nodes: readonly GraphNode[] = []): void => {
    for (const { name, op } of nodes) {
      const names = used.get(op);
      if (names === undefined) used.set(op, [prefix + name]);
      else names.push(prefix + name);
    }
  };
  for (const topology of [modelTopology, modelInitializer]) {
    collect("", topology?.node);
    for (const { signature, nodeDef } of topology?.library?.function ?? []) collect(`${signature.name}/`, nodeDef);
  }
  const categories = categoriesOf(used.keys());
  return [...used]
    .filter(([op]) => categories.get(op) === undefined)
    .map(([op, names]) => ({ op, count: names.length, nodes: names.slice(0, NODES_NAMED) }))
    .sort((a, b) => (a.op < b.op ? -1 : 1));
}

/** Whether TF.js can execute an operation (`Conv2D`) at all; a backend may still lack its kernel for some dtypes. */
export function isSupportedOp(op: string): boolean {
  return categoriesOf([op]).get(op) !== undefined;
}
