import type { NamedClasses } from "../../protocol/classes.ts";
import type { Backend, SignatureDef, WarmUpRecord } from "../../protocol/manifest.ts";
import type { Preprocess } from "../../protocol/preprocess.ts";
import type { IndexedTensor } from "../../protocol/tensor-index.ts";
import type { WithSignal } from "../ports.ts";
import type { StageReport } from "./graph/graph.ts";

export interface ImportOptions extends WithSignal {
  /** What to do with operations that TF.js lacks: `refuse` (default), or `accept`, to look at a model that cannot run. */
  readonly unsupportedOps?: "refuse" | "accept";
  /** The tag set of the meta graph to take out of a SavedModel. Default ["serve"]. */
  readonly savedModelTags?: readonly string[] | undefined;
  /** Whether to fold constants and fuse operations. Default true. */
  readonly optimise?: boolean | undefined;
  /** The serving.json to take, in place of that in the folder. */
  readonly serving?: string | undefined;
}

/** A weight as TF.js stores it: quantised bytes stay quantised. */
export interface ImportedTensor extends Pick<IndexedTensor, "name" | "dtype" | "shape" | "quantization"> {
  /** Bytes of one stored element: what a planes encoding takes apart. */
  readonly width: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A graph with its weights and signature defs: what an importer of one format gives. */
export interface ImportedGraph extends Omit<ImportedModel, "sourceDigest"> {}

/** One version of a model, read whole and checked, in the terms of TF.js's graph models whatever it came as. */
export interface ImportedModel {
  /** The graph blob (`protocol/graph.ts`); the same source gives the same bytes. */
  readonly graph: Uint8Array<ArrayBuffer>;
  /** In the order in which the graph's nodes use them. */
  readonly tensors: readonly ImportedTensor[];
  readonly signatureDefs: Readonly<Record<string, SignatureDef>>;
  /** Why signature defs of the model are not among these, by name. */
  readonly unserved?: Readonly<Record<string, string>>;
  /** On which backends the model can run at all; absent: on every one. */
  readonly backends?: readonly Backend[];
  /** What the publisher should know, one sentence each. */
  readonly notes?: readonly string[];
  /** What each stage of the import did, in order. */
  readonly stages?: readonly StageReport[];
  readonly assets: readonly { readonly path: string; readonly bytes: Uint8Array<ArrayBuffer> }[];
  /** How images become inputs, by input key. */
  readonly preprocess?: Readonly<Record<string, Preprocess>>;
  /** What the scores of an output are called. */
  readonly classes?: NamedClasses;
  /** Requests to replay before the version answers. */
  readonly warmup?: readonly WarmUpRecord[];
  /**
   * What the version was made of: SHA-256, hexadecimal, over the sorted relative paths and SHA-256 of the files that the model
   * consists of (others in the folder do not count).
   */
  readonly sourceDigest: string;
}
