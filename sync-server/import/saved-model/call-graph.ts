import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { GraphNode } from "../graph/graph.ts";

interface Callee {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
}

/**
 * The functions that nodes of the graph name, directly or by way of others, in the file's order. A model whose functions call
 * themselves, call each other very deep, or would be huge once every call is replaced by the function's nodes, ends here.
 * @throws MODEL_MALFORMED, LIMIT_EXCEEDED
 */
export function reachableFunctions<Fn extends Callee>(nodes: readonly GraphNode[], functions: readonly Fn[], what: string): readonly Fn[] {
  const byName = new Map(functions.map((fn) => [fn.name, fn]));
  if (byName.size < functions.length) throw new AshoreError("MODEL_MALFORMED", `${what} has two functions of one name.`);
  /** By function: its nodes and those of all calls in it; -1 while it is being counted. */
  const sizes = new Map<string, number>();

  const sizeOf = (fnNodes: readonly GraphNode[], depth: number): number => {
    let size = fnNodes.length;
    for (const node of fnNodes) {
      for (const name of calledBy(node)) {
        const fn = byName.get(name);
        if (fn === undefined) continue;
        const known = sizes.get(name);
        if (known === -1) throw new AshoreError("MODEL_MALFORMED", `${what}: the function ${name} calls itself, by the node ${node.name}; TensorFlow.js runs no recursion.`);
        if (depth > LIMITS.functionDepth) throw new AshoreError("LIMIT_EXCEEDED", `${what}: functions call functions more than ${LIMITS.functionDepth} deep.`);
        if (known === undefined) {
          sizes.set(name, -1);
          sizes.set(name, sizeOf(fn.nodes, depth + 1));
        }
        size += sizes.get(name) ?? 0;
      }
    }
    if (size > LIMITS.graphNodes) throw new AshoreError("LIMIT_EXCEEDED", `${what}: with the functions that it calls its graph has more than ${LIMITS.graphNodes} nodes.`);
    return size;
  };
  sizeOf(nodes, 1);
  return functions.filter(({ name }) => sizes.has(name));
}

/** The functions that a node's attributes name: a call's, a loop's condition and body, the branches of a case. */
function calledBy({ attrs }: GraphNode): readonly string[] {
  return Object.values(attrs).flatMap(({ func, list }) => (func === undefined ? (list?.func ?? []).map(({ name }) => name) : [func.name]));
}
