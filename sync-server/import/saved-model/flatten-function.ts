import { AshoreError } from "../../../protocol/errors.ts";
import type { GraphFunction } from "../graph/graph.ts";
import { firstOutput } from "./op-outputs.ts";
import type { ReadFunction } from "./proto/function-def.ts";
import type { ReadNode } from "./proto/node-def.ts";

/**
 * A function whose references are those of a graph: `node:out_arg:i` is `node:k`, and its Const nodes are named
 * `function/node`. Their names are added to `taken`, which holds the names that no Const may have.
 * @throws MODEL_MALFORMED for a reference to what the function does not have
 */
export function flattenFunction(fn: ReadFunction, taken: Set<string>, what: string): GraphFunction & { readonly nodes: ReadNode[] } {
  const args = new Set(fn.args.map(({ name }) => name));
  const nodes = new Map(fn.nodes.map((node) => [node.name, node]));
  if (nodes.size < fn.nodes.length) throw new AshoreError("MODEL_MALFORMED", `${what}: the function ${fn.name} has two nodes of one name.`);
  const renamed = new Map<string, string>();
  for (const { name, op } of fn.nodes) {
    if (op !== "Const") continue;
    const wanted = `${fn.name}/${name}`;
    let unique = wanted;
    for (let n = 1; taken.has(unique) || nodes.has(unique) || args.has(unique); n++) unique = `${wanted}_${n}`;
    taken.add(unique);
    renamed.set(name, unique);
  }

  const flat = (reference: string, by: string): string => {
    const [name = "", output, index] = reference.replace(/^\^/, "").split(":");
    const node = nodes.get(name);
    if (args.has(name)) return reference.startsWith("^") ? `^${name}` : name;
    if (node === undefined) throw new AshoreError("MODEL_MALFORMED", `${what}: in the function ${fn.name}, ${by} refers to ${reference}, which the function does not have.`);
    const own = renamed.get(name) ?? name;
    if (reference.startsWith("^")) return `^${own}`;
    const k = output === undefined ? 0 : index === undefined ? Number(output) : firstOutput(node, output) + Number(index);
    if (!Number.isInteger(k) || k < 0) throw new AshoreError("MODEL_MALFORMED", `${what}: in the function ${fn.name}, ${by} refers to ${reference}, which is no output.`);
    return k === 0 ? own : `${own}:${k}`;
  };

  return {
    name: fn.name,
    args: fn.args.map(({ name, type }) => ({ name, type })),
    results: fn.results.map(({ name, type }) => {
      const from = fn.returns.get(name);
      if (from === undefined) throw new AshoreError("MODEL_MALFORMED", `${what}: the function ${fn.name} does not say what its result ${name} is.`);
      return { name, type, from: flat(from, `the result ${name}`) };
    }),
    nodes: fn.nodes.map((node) => ({ ...node, name: renamed.get(node.name) ?? node.name, inputs: node.inputs.map((input) => flat(input, `the node ${node.name}`)) })),
  };
}
