import type { GraphFile, GraphNode } from "../../protocol/graph.ts";
import type { ModelBytes } from "../../runtime/ports.ts";
import { packWeights } from "./pack-model.ts";

/** Graphs of a few nodes, written by hand, as an engine takes them. */

type Attrs = Record<string, unknown>;

export function placeholder(name: string, dtype: string, shape?: readonly number[]): GraphNode {
  return {
    name,
    op: "Placeholder",
    attr: { dtype: { type: dtype }, shape: { shape: shape === undefined ? { unknownRank: true } : { dim: shape.map((size) => ({ size: String(size) })) } } },
  };
}

export function constant(name: string, dtype: string): GraphNode {
  return { name, op: "Const", attr: { dtype: { type: dtype } } };
}

export function node(name: string, op: string, input: string[], attr: Attrs = {}): GraphNode {
  return { name, op, input, attr };
}

export function graphOfNodes(nodes: GraphNode[]): GraphFile {
  return { modelTopology: { node: nodes, library: {}, versions: { producer: 1 } } };
}

const FLOAT = { T: { type: "DT_FLOAT" } };

/** y = a x + b, for x of shape [-1]. */
export function linearModel(a: number, b: number): ModelBytes {
  const graph = graphOfNodes([
    placeholder("x", "DT_FLOAT", [-1]),
    constant("a", "DT_FLOAT"),
    constant("b", "DT_FLOAT"),
    node("ax", "Mul", ["x", "a"], FLOAT),
    node("y", "AddV2", ["ax", "b"], FLOAT),
  ]);
  const scalar = (name: string) => ({ name, shape: [], dtype: "float32" as const });
  return packWeights(graph, [scalar("a"), scalar("b")], new Uint8Array(Float32Array.of(a, b).buffer));
}

/** Nodes without weights. */
export function weightless(...nodes: GraphNode[]): ModelBytes {
  return packWeights(graphOfNodes(nodes), [], new Uint8Array());
}
