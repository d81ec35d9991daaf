import { typeAttr } from "./attrs.ts";
import type { Graph, GraphFunction, GraphNode } from "./graph.ts";
import type { NodeNames } from "./node-names.ts";
import { nodeOf } from "../graph-nodes.ts";
import { dataInputs, parseReference, referTo } from "./references.ts";
import { scopesOf } from "./rewrite.ts";
import { scalar } from "./tensor-values.ts";

/** Makes of a choice between many branches, which TF.js lacks, one between two, again and again. An index out of range takes the last. */
export function lowerCases(graph: Graph, names: NodeNames): string[] {
  let count = 0;
  for (let found = true; found; ) {
    found = false;
    for (const { nodes } of scopesOf(graph)) {
      for (const node of nodes.filter(({ op }) => op === "Case" || op === "StatelessCase")) {
        const branches = (node.attrs["branches"]?.list?.func ?? []).flatMap(({ name }) => graph.functions.find((body) => body.name === name) ?? []);
        if (branches.length === 0) continue;
        lowerCase(node, branches, nodes, graph, names);
        found = true;
        count += 1;
      }
    }
  }
  return count === 0 ? [] : [`made ${count} choices of many branches choices of two`];
}

function lowerCase(node: GraphNode, branches: readonly GraphFunction[], nodes: GraphNode[], graph: Graph, names: NodeNames): void {
  const [index = "", ...args] = dataInputs(node.inputs);
  const [first, ...rest] = branches;
  if (first === undefined) return;
  // Each branch takes the index as well, since both branches of an If are given the same.
  const withIndex = branches.map((branch) => takingIndex(branch, graph, names));
  const types = first.args.map(({ type }) => type);
  let otherwise = withIndex.at(-1) ?? first;
  for (let at = rest.length - 1; at > 0; at--) {
    const chosen = withIndex[at] ?? first;
    const name = names.fresh(`${node.name}/from_${at}`);
    const bodyArgs = [...types, "DT_INT32"].map((type, place) => ({ name: names.fresh(`${name}/arg_${place}`), type }));
    const bodyNodes: GraphNode[] = [];
    const bodyIndex = bodyArgs.at(-1)?.name ?? "";
    const choice = names.fresh(`${name}/If`);
    choose(choice, bodyIndex, at, bodyArgs.map((arg) => arg.name), [chosen, otherwise], bodyNodes, graph, names);
    const body = { name, args: bodyArgs, results: first.results.map((result, place) => ({ ...result, from: referTo(choice, place) })), nodes: bodyNodes };
    graph.functions.push(body);
    otherwise = body;
  }
  const scratch: GraphNode[] = [];
  choose(node.name, index, 0, [...args, index], [withIndex[0] ?? first, otherwise], scratch, graph, names);
  const made = scratch.pop();
  if (made === undefined) return;
  nodes.splice(nodes.indexOf(node), 0, ...scratch);
  node.op = made.op;
  node.inputs = made.inputs;
  node.attrs = made.attrs;
}

function choose(name: string, index: string, at: number, args: readonly string[], [then, otherwise]: readonly [GraphFunction, GraphFunction], nodes: GraphNode[], graph: Graph, names: NodeNames): void {
  const number = names.fresh(`${name}/number`);
  const isThis = names.fresh(`${name}/Equal`);
  graph.constants.set(number, { kind: "dense", tensor: scalar(at) });
  nodes.push({ name: number, op: "Const", inputs: [], attrs: { dtype: typeAttr("DT_INT32") } });
  nodes.push({ name: isThis, op: "Equal", inputs: [index, number], attrs: { T: typeAttr("DT_INT32") } });
  nodes.push({ name, op: "StatelessIf", inputs: [isThis, ...args], attrs: { then_branch: { func: { name: then.name } }, else_branch: { func: { name: otherwise.name } } } });
}

/** A copy of a function that takes one argument more. */
function takingIndex(branch: GraphFunction, graph: Graph, names: NodeNames): GraphFunction {
  const renamed = new Map(branch.nodes.filter(({ op }) => op === "Const").map(({ name }) => [name, names.fresh(name)]));
  const move = (reference: string): string => {
    const name = renamed.get(nodeOf(reference));
    if (name === undefined) return reference;
    const { output, isControl } = parseReference(reference);
    return isControl ? `^${name}` : referTo(name, output);
  };
  for (const [from, to] of renamed) {
    const constant = graph.constants.get(from);
    if (constant !== undefined) graph.constants.set(to, constant);
  }
  const copy: GraphFunction = {
    name: names.fresh(branch.name),
    args: [...branch.args, { name: names.fresh(`${branch.name}/index`), type: "DT_INT32" }],
    results: branch.results.map((result) => ({ ...result, from: move(result.from) })),
    nodes: branch.nodes.map((node) => ({ ...node, name: renamed.get(node.name) ?? node.name, inputs: node.inputs.map(move) })),
  };
  graph.functions.push(copy);
  return copy;
}
