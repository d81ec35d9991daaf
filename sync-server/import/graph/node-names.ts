import type { Graph } from "./graph.ts";

/** Names that no node of a graph has yet, nor a function or an argument: TF.js finds weights by name from every function. */
export interface NodeNames {
  fresh(wanted: string): string;
}

export function nodeNamesOf(...graphs: readonly Graph[]): NodeNames {
  const taken = new Set<string>();
  for (const { nodes, functions } of graphs) {
    for (const { name } of nodes) taken.add(name);
    for (const { name, args, nodes: body } of functions) {
      taken.add(name);
      for (const arg of args) taken.add(arg.name);
      for (const node of body) taken.add(node.name);
    }
  }
  const last = new Map<string, number>();
  return {
    fresh(wanted) {
      let name = wanted;
      for (let number = last.get(wanted) ?? 1; taken.has(name); number++) {
        name = `${wanted}_${number}`;
        last.set(wanted, number + 1);
      }
      taken.add(name);
      return name;
    },
  };
}
