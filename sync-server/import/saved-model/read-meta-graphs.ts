import { Reader } from "protobufjs/minimal.js";
import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import type { WithSignal } from "../../ports.ts";
import type { Constant, GraphNode } from "../graph/graph.ts";
import { refuseOtherFiles } from "../refuse-other-files.ts";
import { nodeOf } from "../graph-nodes.ts";
import type { SourceFolder } from "../source-folder.ts";
import { reachableFunctions } from "./call-graph.ts";
import { flattenFunction } from "./flatten-function.ts";
import type { MetaGraph, RawSignatureDef } from "./meta-graph.ts";
import type { ReadNode } from "./proto/node-def.ts";
import { readAssetFileDef, readMetaGraphDef, type ReadAsset, type ReadMetaGraph, type ReadSignatureDef } from "./proto/meta-graph-def.ts";
import { ProtoReader } from "./proto/proto-reader.ts";
import { ReadBudget } from "./proto/read-budget.ts";
import { decodeTensorProto } from "./proto/tensor-proto.ts";

export const SAVED_MODEL_PB = "saved_model.pb";

/**
 * Every meta graph of a SavedModel's `saved_model.pb`, in its order. A Const whose dtype no {@link Tensor} has (a resource, a
 * variant, a quantised type) is without an entry in `constants`.
 * @throws MODEL_INCOMPLETE where the file is missing or cut short, MODEL_MALFORMED, LIMIT_EXCEEDED, CANCELLED
 */
export async function readMetaGraphs(source: SourceFolder, { signal }: WithSignal = {}): Promise<readonly MetaGraph[]> {
  const what = `${SAVED_MODEL_PB} in ${source.path}`;
  const bytes = await source.read(SAVED_MODEL_PB, LIMITS.savedModelBytes).catch((missing: unknown) => refuseText(source, missing));
  signal?.throwIfAborted();
  refuseOtherFiles(bytes, SAVED_MODEL_PB, source.path, "no SavedModel");
  if (endsTooEarly(bytes)) throw new AshoreError("MODEL_INCOMPLETE", `${what} ends after ${bytes.byteLength} bytes, in the middle of a meta graph; it is still being copied, or was cut short.`);
  const budget = new ReadBudget(what);
  const metaGraphs: MetaGraph[] = [];
  const proto = new ProtoReader(bytes, budget);
  let foreign = false;
  proto.all((field) => {
    if (field === 2) metaGraphs.push(metaGraphOf(readMetaGraphDef(proto), what, budget));
    else if (field !== 1) foreign = true;
  });
  if (foreign && metaGraphs.length === 0) throw new AshoreError("MODEL_MALFORMED", `${what} is no SavedModel; it has fields that a SavedModel does not have.`);
  if (metaGraphs.length === 0) throw new AshoreError("MODEL_INCOMPLETE", `${what} holds no meta graph; it is still being copied, or was not written by tf.saved_model.save.`);
  return metaGraphs;
}

/** Where there is no saved_model.pb: whether it is there as text, which is not read. */
async function refuseText(source: SourceFolder, missing: unknown): Promise<never> {
  if (missing instanceof AshoreError && missing.code === "MODEL_INCOMPLETE") {
    const text = await source.read(`${SAVED_MODEL_PB}txt`, LIMITS.savedModelBytes).catch(() => undefined);
    if (text !== undefined) {
      throw new AshoreError("MODEL_MALFORMED", `${source.path} has its SavedModel as text, in saved_model.pbtxt, and no saved_model.pb, which is what is read; save the model again without as_text.`, { cause: missing });
    }
  }
  throw missing;
}

/** Whether the last of the outermost fields is longer than what is left of the file. */
function endsTooEarly(bytes: Uint8Array): boolean {
  const reader = new Reader(bytes);
  try {
    while (reader.pos < reader.len) {
      const tag = reader.tag();
      if ((tag & 7) === 2) {
        const size = reader.size();
        if (size > reader.len - reader.pos) return true;
        reader.pos += size;
      } else reader.skipType(tag & 7, 0, tag >>> 3);
    }
  } catch {
    return reader.pos >= reader.len;
  }
  return false;
}

function metaGraphOf(read: ReadMetaGraph, what: string, budget: ReadBudget): MetaGraph {
  refuseTwins(read.nodes, `the graph of ${what}`);
  const constants = new Map<string, Constant>();
  const nodes = read.nodes.map((node) => plainNode(node, constants, what, budget));
  const taken = new Set(nodes.map(({ name }) => name));
  for (const { name, inputs } of nodes) {
    for (const input of inputs) if (!taken.has(nodeOf(input))) throw new AshoreError("MODEL_MALFORMED", `${what}: the node ${name} has the input ${input}, which the graph does not have.`);
  }
  const functions = reachableFunctions(read.nodes, read.functions, what).map((fn) => {
    const flat = flattenFunction(fn, taken, what);
    return { ...flat, nodes: flat.nodes.map((node) => plainNode(node, constants, what, budget)) };
  });
  return {
    tags: read.tags,
    graph: { nodes, functions, constants },
    signatureDefs: mapRecord(read.signatureDefs, (def, key) => signatureDefOf(def, `${what}: the signature def ${key}`, budget)),
    restore: read.saver.restoreOp === "" ? undefined : { op: nodeOf(read.saver.restoreOp), filename: read.saver.filename },
    initOps: initOpsOf(read),
    assets: assetsOf(read, budget),
  };
}

/** A node as the stages take it: `node:0` is `node`, and a Const's value is decoded and apart. */
function plainNode({ value, ...node }: ReadNode, constants: Map<string, Constant>, what: string, budget: ReadBudget): GraphNode {
  const tensor = value === undefined ? undefined : decodeTensorProto(value, `${what}: the value of the node ${node.name}`, budget);
  if (tensor !== undefined) constants.set(node.name, { kind: "dense", tensor });
  return { ...node, inputs: node.inputs.map((input) => (input.endsWith(":0") ? input.slice(0, -2) : input)) };
}

function refuseTwins(nodes: readonly ReadNode[], what: string): void {
  const names = new Set<string>();
  for (const { name } of nodes) {
    if (names.has(name)) throw new AshoreError("MODEL_MALFORMED", `${what} has two nodes with the name ${JSON.stringify(name)}.`);
    names.add(name);
  }
}

function signatureDefOf({ methodName, inputs, outputs, defaults }: ReadSignatureDef, what: string, budget: ReadBudget): RawSignatureDef {
  const tensors = new Map<string, Tensor>();
  for (const [key, bytes] of defaults) {
    const tensor = decodeTensorProto(bytes, `${what}: the default of the input ${key}`, budget);
    if (tensor !== undefined) tensors.set(key, tensor);
  }
  return { methodName, inputs: Object.fromEntries(inputs), outputs: Object.fromEntries(outputs), defaults: Object.fromEntries(tensors) };
}

/** TF2 names the op in a signature def of its own, TF1 in collections. */
function initOpsOf({ signatureDefs, nodeLists }: ReadMetaGraph): readonly string[] {
  const ops = [signatureDefs.get(INIT_OP)?.outputs.get(INIT_OP)?.name ?? "", ...INIT_COLLECTIONS.flatMap((key) => nodeLists.get(key) ?? [])];
  return [...new Set(ops.filter((op) => op !== "").map(nodeOf))];
}

const INIT_OP = "__saved_model_init_op";
const INIT_COLLECTIONS = ["saved_model_main_op", "legacy_init_op", "table_initializer"];

/** TF1's builder writes them into a collection as well, old ones only there. */
function assetsOf({ assets, anyLists }: ReadMetaGraph, budget: ReadBudget): readonly ReadAsset[] {
  if (assets.length > 0) return assets;
  return (anyLists.get("saved_model_assets") ?? []).map((bytes) => {
    const proto = new ProtoReader(bytes, budget);
    return readAssetFileDef(proto, (take) => proto.all(take));
  });
}

function mapRecord<From, To>(map: ReadonlyMap<string, From>, to: (value: From, key: string) => To): Readonly<Record<string, To>> {
  return Object.fromEntries([...map].map(([key, value]) => [key, to(value, key)]));
}
