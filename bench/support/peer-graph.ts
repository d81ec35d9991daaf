import { elementCount } from "../../protocol/tensor.ts";
import { intAttr, textsOf } from "../../sync-server/import/graph/attrs.ts";
import type { Constant, Graph, GraphNode } from "../../sync-server/import/graph/graph.ts";

/**
 * Makes of an optimised graph what tensorflowjs_converter 4.22 was seen to write of the same SavedModels: depthwise convolutions
 * apart from a scale, an offset and an activation; convolutions before a residual sum apart from their bias; shapes of Reshape
 * put together from the batch; an Identity before each output.
 */
export function asThePeer(graph: Graph, fetches: readonly string[]): void {
  const readers = (name: string): GraphNode[] => graph.nodes.filter(({ inputs }) => inputs.includes(name));
  for (const node of [...graph.nodes]) {
    const [x = "", filter = "", bias = ""] = node.inputs;
    const [, activation] = textsOf(node.attrs, "fused_ops") ?? [];
    if (node.op === "FusedDepthwiseConv2dNative" && activation !== undefined) {
      const one = ones(graph, bias);
      put(graph, node, [["DepthwiseConv2dNative", [x, filter]], ["Mul", [one]], ["AddV2", [bias]], [activation, []]]);
    } else if (node.op === "_FusedConv2D" && activation === undefined && readers(node.name).some(({ op }) => op === "AddV2")) {
      put(graph, node, [["Conv2D", [x, filter]], ["AddV2", [bias]]]);
    } else if (node.op === "Reshape") {
      putShape(graph, node);
    }
  }
  for (const fetch of fetches) {
    const node = graph.nodes.find(({ name }) => `${name}:0` === fetch);
    if (node !== undefined) put(graph, node, [[node.op, node.inputs], ["Identity", []]]);
  }
}

/** The node becomes the last of a chain: each op reads the one before it, then what it is given. */
function put(graph: Graph, node: GraphNode, chain: readonly (readonly [op: string, inputs: readonly string[]])[]): void {
  const { fused_ops: _ops, num_args: _args, ...attrs } = node.attrs;
  let before: string[] = [];
  chain.forEach(([op, given], at) => {
    const inputs = [...before, ...given];
    if (at === chain.length - 1) {
      Object.assign(node, { op, inputs, attrs: at === 0 ? node.attrs : {} });
      return;
    }
    const name = `${node.name}/apart_${at}`;
    graph.nodes.splice(graph.nodes.indexOf(node), 0, { name, op, inputs, attrs: op === node.op ? node.attrs : at === 0 ? attrs : {} });
    before = [name];
  });
}

function putShape(graph: Graph, node: GraphNode): void {
  const [x = "", shape = ""] = node.inputs;
  const constant = graph.constants.get(shape);
  const sizes = constant?.kind === "dense" && constant.tensor.data instanceof Int32Array ? [...constant.tensor.data] : [];
  if (sizes[0] !== -1 || sizes.length < 2) return;
  const add = (name: string, op: string, inputs: string[], attrs = {}): string => {
    graph.nodes.splice(graph.nodes.indexOf(node), 0, { name: `${node.name}/${name}`, op, inputs, attrs });
    return `${node.name}/${name}`;
  };
  const int = (name: string, own: number[], ...values: number[]): string => {
    graph.constants.set(`${node.name}/${name}`, { kind: "dense", tensor: { dtype: "int32", shape: own, data: Int32Array.from(values) } });
    return add(name, "Const", []);
  };
  const slice = add("batch", "StridedSlice", [add("of", "Shape", [x]), int("from", [1], 0), int("to", [1], 1), int("by", [1], 1)], { shrink_axis_mask: intAttr(1) });
  node.inputs = [x, add("sizes", "Pack", [slice, ...sizes.slice(1).map((size, axis) => int(`size_${axis}`, [], size))], { axis: intAttr(0) })];
}

function ones(graph: Graph, like: string): string {
  const name = `${like}/ones`;
  if (graph.constants.has(name)) return name;
  const shape = graph.constants.get(like)?.tensor.shape ?? [];
  const constant: Constant = { kind: "dense", tensor: { dtype: "float32", shape, data: new Float32Array(elementCount(shape)).fill(1) } };
  graph.constants.set(name, constant);
  graph.nodes.unshift({ name, op: "Const", inputs: [], attrs: {} });
  return name;
}
