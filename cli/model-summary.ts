import { isSupportedOp } from "../engine/supported-ops.ts";
import { parseGraphFile, type GraphFile, type GraphNode } from "../protocol/graph.ts";
import type { Manifest, SignatureDef } from "../protocol/manifest.ts";
import type { Preprocess } from "../protocol/preprocess.ts";
import type { ImportedModel } from "../sync-server/import/index.ts";
import type { Io } from "./io.ts";
import { bytesText, printLine, printTable } from "./print.ts";

export interface OpCount {
  readonly op: string;
  readonly count: number;
  /** Whether TensorFlow.js can execute it. */
  readonly supported: boolean;
}

/** What `ashore inspect` tells of one version, wherever it was found. */
export interface ModelSummary {
  readonly name: string;
  /** Of a SavedModel: the tag sets of its meta graphs. */
  readonly tagSets?: readonly (readonly string[])[] | undefined;
  readonly signatureDefs: Readonly<Record<string, SignatureDef>>;
  /** How images become inputs, by input key. */
  readonly preprocess?: Manifest["preprocess"] | undefined;
  /** Which output has classes, and what is known of their names. */
  readonly classes?: { readonly output: string; readonly names: string } | undefined;
  readonly ops: readonly OpCount[];
  readonly graphBytes: number;
  readonly weights: { readonly tensors: number; readonly bytes: number };
  readonly assets: readonly { readonly path: string; readonly bytes: number }[];
  /** The backends that can run the model; absent: all. */
  readonly backends?: ImportedModel["backends"] | undefined;
  /** How many requests are replayed before the version answers; absent where they are in an asset. */
  readonly warmUpRecords?: number | undefined;
  /** Of a folder: what its publisher should know, such as signature defs that are not served, and why. */
  readonly notes?: ImportedModel["notes"] | undefined;
  /** Of a folder: what each stage of the import did. */
  readonly stages?: ImportedModel["stages"] | undefined;
  /** Of a published version: what a device without any older one downloads. */
  readonly downloadBytes?: number;
  /** Of a published version: how its self-test was made. */
  readonly selfTest?: Manifest["selfTest"];
}

/** The operations of a graph, its initializer and its functions, the most frequent first. */
export function countOps(graphBytes: Uint8Array, what: string): readonly OpCount[] {
  const { modelTopology, modelInitializer }: GraphFile = parseGraphFile(graphBytes, what);
  const counts = new Map<string, number>();
  const count = (nodes: readonly GraphNode[] = []): void => nodes.forEach(({ op }) => counts.set(op, (counts.get(op) ?? 0) + 1));
  for (const topology of [modelTopology, modelInitializer]) {
    count(topology?.node);
    for (const { nodeDef } of topology?.library?.function ?? []) count(nodeDef);
  }
  return [...counts].map(([op, times]) => ({ op, count: times, supported: isSupportedOp(op) })).sort((a, b) => b.count - a.count || (a.op < b.op ? -1 : 1));
}

export function printSummary(io: Io, summary: ModelSummary): void {
  printLine(io, summary.name);
  const { tagSets = [], backends, notes = [], stages = [] } = summary;
  if (tagSets.length > 0) printLine(io, `\n  SavedModel with the tag set${tagSets.length === 1 ? "" : "s"} ${tagSets.map((tags) => `{${tags.join(", ")}}`).join(", ")}`);
  for (const [name, { methodName, inputs, outputs, defaults = {}, examples }] of Object.entries(summary.signatureDefs)) {
    printLine(io, `\n  signature def ${name}${methodName === "" ? "" : `  (${methodName})`}`);
    const rows = [
      ...Object.entries(inputs).map(([key, info]) => ["input", key, info.dtype, shapeText(info.shape), info.name, Object.hasOwn(defaults, key) ? "has a default" : ""]),
      ...(examples?.features ?? []).map(({ key, dtype, shape, tensor, ...feature }) => ["feature", key, dtype, shapeText(shape), tensor, feature.default === undefined ? "" : "has a default"]),
      ...Object.entries(outputs).map(([key, info]) => ["output", key, info.dtype, shapeText(info.shape), info.name]),
    ];
    printTable(io, rows, "    ");
  }
  for (const [key, how] of Object.entries(summary.preprocess ?? {})) printLine(io, `\n  images become ${key}: ${preprocessText(how)}`);
  if (summary.classes !== undefined) printLine(io, `\n  classes of ${summary.classes.output}: ${summary.classes.names}`);
  const total = summary.ops.reduce((sum, { count }) => sum + count, 0);
  const unsupported = summary.ops.filter(({ supported }) => !supported);
  printLine(io, `\n  ${total} nodes of ${summary.ops.length} operations; ${unsupported.length === 0 ? "all supported" : `${unsupported.length} not supported`}`);
  printTable(io, summary.ops.map(({ op, count, supported }) => [String(count).padStart(5), op, supported ? "" : "NOT SUPPORTED"]), "    ");
  printLine(io, `\n  graph ${bytesText(summary.graphBytes)}, ${summary.weights.tensors} weights of ${bytesText(summary.weights.bytes)}`);
  for (const { path, bytes } of summary.assets) printLine(io, `  asset ${path}  ${bytesText(bytes)}`);
  if (stages.length > 0) printLine(io, "\n  imported by");
  for (const { stage, nodesBefore, nodesAfter, did } of stages) {
    if (nodesBefore !== nodesAfter || did.length > 0) printLine(io, `    ${stage}: ${nodesBefore === nodesAfter ? `${nodesAfter} nodes` : `${nodesBefore} to ${nodesAfter} nodes`}${did.length === 0 ? "" : `; ${did.join("; ")}`}`);
  }
  if (backends !== undefined) printLine(io, `\n  runs on ${backends.length === 0 ? "no backend" : backends.join(", ")}`);
  if (summary.warmUpRecords !== undefined && summary.warmUpRecords > 0) printLine(io, `  ${summary.warmUpRecords} warm-up record${summary.warmUpRecords === 1 ? "" : "s"}`);
  for (const note of notes) printLine(io, `  note: ${note}`);
  if (summary.downloadBytes !== undefined) printLine(io, `  a device without an older version downloads ${bytesText(summary.downloadBytes)}`);
  if (summary.selfTest !== undefined) printLine(io, `  ${selfTestText(summary.selfTest)}`);
}

function preprocessText({ size, resize, fit, centralFraction, channels, scale, mean, std, layout }: Preprocess): string {
  const part = centralFraction === 1 ? "" : `the middle ${centralFraction} of `;
  const values = `(pixel * ${scale} - ${new Set(mean).size === 1 ? mean[0] : `[${mean}]`}) / ${new Set(std).size === 1 ? std[0] : `[${std}]`}`;
  return `${part}${size === undefined ? "their own size" : `${size[0]} x ${size[1]} (${fit}, ${resize})`}, ${channels}, ${layout}, ${values}`;
}

function shapeText(shape: readonly number[] | null): string {
  return shape === null ? "of any rank" : `[${shape.map((size) => (size < 0 ? "?" : size)).join(", ")}]`;
}

function selfTestText(selfTest: Manifest["selfTest"]): string {
  if (selfTest === null) return "no self-test";
  const samples = Object.values(selfTest.outputs).reduce((sum, { samples: own }) => sum + own.length, 0);
  return `self-test of ${selfTest.signatureDef}: ${samples === 0 ? "shapes and finite values only" : `${samples} sampled outputs`}`;
}
