import { AshoreError } from "../../../protocol/errors.ts";
import { printGraphFile, type GraphFile, type GraphNode as JsonNode, type GraphSignature } from "../../../protocol/graph.ts";
import { elementCount, type Tensor } from "../../../protocol/tensor.ts";
import type { ImportedTensor } from "../imported-model.ts";
import type { Constant, Graph, GraphFunction, GraphNode } from "./graph.ts";

/** A graph, and what a graph blob (`protocol/graph.ts`) holds beside it. */
export interface GraphParts {
  readonly graph: Graph;
  /** Run once after loading: it fills tables. Its nodes are named as the graph's are where both mean the same table. */
  readonly initializer?: Graph;
  /** Needed where the initializer captures inputs (entries with a `resourceId`). */
  readonly signature?: GraphSignature;
  readonly initializerSignature?: GraphSignature;
  readonly versions?: Readonly<Record<string, unknown>>;
}

export interface PrintedGraph {
  readonly graph: Uint8Array<ArrayBuffer>;
  /** In the order of the nodes that hold them: the graph's, its functions', the initializer's. */
  readonly tensors: readonly ImportedTensor[];
}

/**
 * The graph blob and the weights of a graph; equal graphs give equal bytes.
 * @throws MODEL_MALFORMED for a constant whose dtype TF.js does not have
 */
export function printGraph({ graph, initializer, signature, initializerSignature, versions = {} }: GraphParts): PrintedGraph {
  const file: GraphFile = {
    modelTopology: { ...topology(graph), versions },
    ...(signature === undefined ? {} : { signature }),
    ...(initializer === undefined ? {} : { modelInitializer: { ...topology(initializer), versions } }),
    ...(initializerSignature === undefined ? {} : { initializerSignature }),
  };
  const tensors: ImportedTensor[] = [];
  const named = new Map<string, Constant["tensor"]>();
  for (const one of initializer === undefined ? [graph] : [graph, initializer]) {
    for (const { name, op } of [one.nodes, ...one.functions.map(({ nodes }) => nodes)].flat()) {
      const constant = op === "Const" ? one.constants.get(name) : undefined;
      if (constant === undefined) continue;
      const first = named.get(name);
      if (first !== undefined && first !== constant.tensor) throw new AshoreError("INTERNAL", `The name ${JSON.stringify(name)} stands for two constants.`);
      if (first === undefined) tensors.push(weight(name, constant));
      named.set(name, constant.tensor);
    }
  }
  return { graph: printGraphFile(file), tensors };
}

function topology({ nodes, functions }: Graph): Pick<GraphFile["modelTopology"], "node" | "library"> {
  return { node: nodes.map(printNode), ...(functions.length === 0 ? {} : { library: { function: functions.map(printFunction) } }) };
}

function printNode({ name, op, inputs, attrs }: GraphNode): JsonNode {
  // Attributes that begin with "_" are notes of TensorFlow to itself.
  const attr = Object.fromEntries(Object.entries(attrs).filter(([key]) => !key.startsWith("_")));
  return { name, op, ...(inputs.length === 0 ? {} : { input: inputs }), ...(Object.keys(attr).length === 0 ? {} : { attr }) };
}

type JsonFunction = NonNullable<NonNullable<NonNullable<GraphFile["modelTopology"]["library"]>["function"]>[number]>;

function printFunction({ name, args, results, nodes }: GraphFunction): JsonFunction {
  return {
    signature: { name, inputArg: args, outputArg: results.map((result) => ({ name: result.name, type: result.type })) },
    nodeDef: nodes.map(printNode),
    ret: Object.fromEntries(results.map((result) => [result.name, result.from])),
  };
}

function weight(name: string, constant: Constant): ImportedTensor {
  if (constant.kind === "stored") return constant.tensor.name === name ? constant.tensor : { ...constant.tensor, name };
  const { dtype, shape, data } = constant.tensor;
  switch (dtype) {
    case "float32":
    case "int32":
      return { name, dtype, shape: [...shape], width: 4, bytes: bytesOf(name, constant.tensor, 4) };
    case "complex64":
      return { name, dtype, shape: [...shape], width: 4, bytes: bytesOf(name, constant.tensor, 8) };
    case "bool":
      return { name, dtype, shape: [...shape], width: 1, bytes: bytesOf(name, constant.tensor, 1) };
    case "string":
      return { name, dtype, shape: [...shape], width: 1, bytes: stringBytes(data as readonly Uint8Array[]) };
    default:
      throw new AshoreError("MODEL_MALFORMED", `The constant ${JSON.stringify(name)} is ${dtype}, which TensorFlow.js does not compute with.`);
  }
}

function bytesOf(name: string, { shape, data }: Tensor, elementBytes: number): Uint8Array<ArrayBuffer> {
  const size = elementCount(shape) * elementBytes;
  if (!ArrayBuffer.isView(data) || data.byteLength !== size) throw new AshoreError("INTERNAL", `The constant ${JSON.stringify(name)} of shape [${shape}] does not have ${size} bytes.`);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** TF.js's string weights: for each a little-endian uint32 length and its bytes. */
function stringBytes(strings: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(strings.reduce((sum, { byteLength }) => sum + 4 + byteLength, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const text of strings) {
    view.setUint32(at, text.byteLength, true);
    bytes.set(text, at + 4);
    at += 4 + text.byteLength;
  }
  return bytes;
}
