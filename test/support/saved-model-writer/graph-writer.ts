import type { Tensor } from "../../../protocol/tensor.ts";
import { attr, typeProto, type GraphDType, type Proto, type Shape, type TensorForm } from "./protos.ts";

export interface NodeOptions {
  readonly name?: string;
  /** Names of nodes that run before. */
  readonly after?: readonly string[];
}

/** What operations call their first output, where functions refer to it. */
const FIRST_OUTPUT: Readonly<Record<string, string>> = {
  Add: "z", AddV2: "z", Sub: "z", Mul: "z", Less: "z", LogicalAnd: "z", MatMul: "product", Relu: "activations", Softmax: "softmax", Tanh: "y",
  FusedBatchNormV3: "y", LookupTableFindV2: "values", ReadVariableOp: "value", TopKV2: "values", VarHandleOp: "resource",
  ParseExampleV2: "dense_values", RestoreV2: "tensors", HashTableV2: "table_handle", TensorListReserve: "handle", TensorListSetItem: "output_handle",
  TensorListStack: "tensor", TensorListGetItem: "item",
};

/** Nodes, of a graph or of a function's body. What makes a node gives the reference to its first output. */
export class GraphWriter {
  readonly nodes: Proto[] = [];
  readonly #inFunction: boolean;
  readonly #names = new Set<string>();

  constructor(inFunction = false) {
    this.#inFunction = inFunction;
  }

  op(op: string, inputs: readonly string[], attrs: Readonly<Record<string, Proto>> = {}, { name = op, after = [] }: NodeOptions = {}): string {
    let unique = name;
    for (let n = 1; this.#names.has(unique); n++) unique = `${name}_${n}`;
    this.#names.add(unique);
    this.nodes.push({ name: unique, op, input: [...inputs, ...after.map((node) => `^${node.split(":")[0]}`)], attr: attrs });
    return this.#inFunction ? `${unique}:${FIRST_OUTPUT[op] ?? "output"}:0` : unique;
  }

  /** Another output of a node: number `k` in a graph; in a function the one that the op calls `output`, `k` counting from there. */
  output(reference: string, k: number, output?: string): string {
    const [node = "", first = "output"] = reference.split(":");
    if (!this.#inFunction) return `${node}:${k}`;
    return output === undefined ? `${node}:${first}:${k}` : `${node}:${output}:0`;
  }

  constant(value: Tensor, { form, ...options }: NodeOptions & { readonly form?: TensorForm } = {}): string {
    return this.op("Const", [], { dtype: attr.type(value.dtype), value: attr.tensor(value, form) }, options);
  }

  placeholder(name: string, dtype: GraphDType, shape: Shape): string {
    return this.op("Placeholder", [], { dtype: attr.type(dtype), shape: attr.shape(shape) }, { name });
  }

  /** Calls a function: `results` are the dtypes of what it gives. */
  call(fn: string, args: readonly string[], argTypes: readonly GraphDType[], results: readonly GraphDType[], options: NodeOptions & { readonly op?: string } = {}): string {
    return this.op(options.op ?? "StatefulPartitionedCall", args, { Tin: attr.types(argTypes), Tout: attr.types(results), f: attr.func(fn) }, options);
  }
}

/** Names and dtypes, in order. */
export type Params = Readonly<Record<string, GraphDType>>;

/** A function's definition: `body` makes the nodes from references to the arguments, and gives a reference per result. */
export function functionProto(name: string, args: Params, results: Params, body: (graph: GraphWriter, args: readonly string[]) => readonly string[]): Proto {
  const graph = new GraphWriter(true);
  const returned = body(graph, Object.keys(args));
  const params = (all: Params): Proto[] => Object.entries(all).map(([param, dtype]) => ({ name: param, type: typeProto(dtype) }));
  return {
    signature: { name, input_arg: params(args), output_arg: params(results) },
    node_def: graph.nodes,
    ret: Object.fromEntries(Object.keys(results).map((result, at) => [result, returned[at]])),
  };
}
