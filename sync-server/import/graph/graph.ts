import type { Tensor } from "../../../protocol/tensor.ts";
import type { ImportedTensor } from "../imported-model.ts";
import type { Attrs } from "./attrs.ts";

/**
 * A model's graph while it is being imported: what every stage takes and gives, whatever format the model came in. The words
 * are GraphDef's (tensorflow/core/framework/graph.proto), the attributes in its JSON form, as TF.js reads them.
 *
 * Inputs are `node` (its first output), `node:2` (its third) or `^node` (a control input), inside functions too, where
 * `node` may also be one of the function's arguments. Values of `Const` nodes are not in their attributes but in `constants`,
 * by node name; names of `Const` nodes are unique over the graph and all its functions.
 */
export interface Graph {
  nodes: GraphNode[];
  /** What If, While and calls name; only those that are reachable. */
  functions: GraphFunction[];
  constants: Map<string, Constant>;
}

export interface GraphNode {
  name: string;
  op: string;
  inputs: string[];
  attrs: Attrs;
}

export interface GraphFunction {
  readonly name: string;
  /** Names of arguments, in order, and their `DT_…`. */
  args: { readonly name: string; readonly type: string }[];
  /** Results in order: each is an input-like reference into the body (`node:1`, or an argument's name). */
  results: { readonly name: string; readonly type: string; from: string }[];
  nodes: GraphNode[];
}

/** `dense`: plain values in TensorFlow's own dtype; `stored`: bytes as a TF.js model holds them, quantised or not, untouched. */
export type Constant = { readonly kind: "dense"; readonly tensor: Tensor } | { readonly kind: "stored"; readonly tensor: ImportedTensor };

/** What a stage did, for `ashore inspect`: one line, such as "inlined 14 calls". */
export interface StageReport {
  readonly stage: string;
  readonly nodesBefore: number;
  readonly nodesAfter: number;
  readonly did: readonly string[];
}
