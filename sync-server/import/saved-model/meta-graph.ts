import type { Tensor } from "../../../protocol/tensor.ts";
import type { Graph } from "../graph/graph.ts";

/**
 * One meta graph of a `saved_model.pb` as it was written, in the words of `graph/graph.ts`: references inside functions are
 * flattened (`node:out_arg:i` became `node:k`), a function's Const nodes are named `function/node`, nothing else is changed.
 */
export interface MetaGraph {
  readonly tags: readonly string[];
  readonly graph: Graph;
  readonly signatureDefs: Readonly<Record<string, RawSignatureDef>>;
  /** The op that loads the variables (`saver_def.restore_op_name`), and the tensor that holds the path to them. */
  readonly restore: { readonly op: string; readonly filename: string } | undefined;
  /** Nodes to run once after loading: `__saved_model_init_op`, `saved_model_main_op`, `legacy_init_op`, `table_initializer`. */
  readonly initOps: readonly string[];
  /** `asset_file_def`: the tensor that holds the path, and the file's name in `assets/`. */
  readonly assets: readonly { readonly tensor: string; readonly file: string }[];
}

export interface RawTensorInfo {
  /** `x:0` */
  readonly name: string;
  /** `DT_FLOAT` */
  readonly type: string;
  /** -1 for an unknown size, null for an unknown rank. */
  readonly shape: readonly number[] | null;
}

export interface RawSignatureDef {
  readonly methodName: string;
  readonly inputs: Readonly<Record<string, RawTensorInfo>>;
  readonly outputs: Readonly<Record<string, RawTensorInfo>>;
  readonly defaults: Readonly<Record<string, Tensor>>;
}

/** The variables of a SavedModel: `variables/variables.index` and its data shards, checksums checked. */
export interface Variables {
  /** Key to dtype and shape, without data; keys in order. */
  readonly entries: ReadonlyMap<string, { readonly type: string; readonly shape: readonly number[] }>;
  /**
   * A variable whole, or the part of it that `slice` names: RestoreV2's `shape_and_slices`, `""` or `"10 6 4,3:0,6"`.
   * @throws MODEL_MALFORMED for a key that is not there, a checksum that is wrong; MODEL_INCOMPLETE for a shard that is missing or short
   */
  read(key: string, slice?: string): Promise<Tensor>;
}
