import { DTYPES } from "../../../protocol/dtype.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { nodeOf } from "../graph-nodes.ts";
import { typeAttr, type Attrs } from "./attrs.ts";
import { valueOf } from "./fold-value.ts";
import type { Graph, GraphFunction, GraphNode } from "./graph.ts";
import { nodeNamesOf, type NodeNames } from "./node-names.ts";

/** Nodes that see one another: the graph's own, or those of one function. */
export type Scope = Pick<GraphFunction, "nodes"> & { readonly function?: GraphFunction };

export function scopesOf(graph: Graph): Scope[] {
  return [graph, ...graph.functions.map((body): Scope => ({ nodes: body.nodes, function: body }))];
}

/** Puts nodes into a scope before the one that is being rewritten. */
export interface Writer {
  readonly inFunction: boolean;
  /** The reference to the first output of a new node, which is named after the one that is being rewritten. */
  add(op: string, inputs: readonly string[], attrs?: Attrs): string;
  constant(tensor: Tensor): string;
  /** Makes the node another one under its old name, so that nothing that refers to it changes. */
  become(op: string, inputs: readonly string[], attrs?: Attrs): void;
  /** The node that makes a reference's tensor, in this scope; undefined for a function's argument. */
  node(reference: string): GraphNode | undefined;
  /** The values behind a reference, where it is a constant (identities between do not matter). */
  constantOf(reference: string | undefined): Tensor | undefined;
}

/** Whether the node was rewritten. */
export type Rule = (node: GraphNode, write: Writer) => boolean;

/** Offers every node, of the graph and its functions, to the rules of its op; how many nodes each op's rule rewrote. */
export function rewrite(graph: Graph, rules: Readonly<Record<string, Rule>>, names: NodeNames = nodeNamesOf(graph)): ReadonlyMap<string, number> {
  const done = new Map<string, number>();
  for (const scope of scopesOf(graph)) {
    const byName = new Map(scope.nodes.map((node) => [node.name, node]));
    const nodes: GraphNode[] = [];
    for (const node of [...scope.nodes]) {
      const rule = Object.hasOwn(rules, node.op) ? rules[node.op] : undefined;
      const { op } = node;
      if (rule?.(node, writerAt(node, { nodes, byName, graph, names, inFunction: scope.function !== undefined })) === true) done.set(op, (done.get(op) ?? 0) + 1);
      nodes.push(node);
    }
    scope.nodes.splice(0, scope.nodes.length, ...nodes);
  }
  return done;
}

interface Place {
  readonly nodes: GraphNode[];
  readonly byName: Map<string, GraphNode>;
  readonly graph: Graph;
  readonly names: NodeNames;
  readonly inFunction: boolean;
}

function writerAt(at: GraphNode, { nodes, byName, graph, names, inFunction }: Place): Writer {
  const insert = (name: string, op: string, inputs: readonly string[], attrs: Attrs): string => {
    const node = { name, op, inputs: [...inputs], attrs };
    nodes.push(node);
    byName.set(name, node);
    return name;
  };
  const find = (reference: string): GraphNode | undefined => byName.get(nodeOf(reference));
  return {
    inFunction,
    add: (op, inputs, attrs = {}) => insert(names.fresh(`${at.name}/${op}`), op, inputs, attrs),
    constant(tensor) {
      const name = names.fresh(`${at.name}/Const`);
      graph.constants.set(name, { kind: "dense", tensor });
      return insert(name, "Const", [], { dtype: typeAttr(DTYPES[tensor.dtype].proto) });
    },
    become(op, inputs, attrs = {}) {
      at.op = op;
      at.inputs = [...inputs];
      at.attrs = attrs;
    },
    node: find,
    constantOf(reference) {
      let node = reference === undefined ? undefined : find(reference);
      // A damaged graph may lead in circles.
      for (let step = 0; node?.op === "Identity" && step < nodes.length; step++) node = find(node.inputs[0] ?? "");
      const constant = node?.op === "Const" ? graph.constants.get(node.name) : undefined;
      return constant?.kind === "dense" ? constant.tensor : constant && valueOf(constant);
    },
  };
}
