import * as v from "valibot";
import { dtypeOfProto, type DType } from "../../protocol/dtype.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { GraphNode, GraphTopology } from "../../protocol/graph.ts";
import type { SignatureDef, TensorInfo } from "../../protocol/manifest.ts";
import { nodeOf } from "./graph-nodes.ts";

/** A TensorShapeProto in JSON: sizes are decimal strings or numbers, one that is left out is 0. */
const shapeSchema = v.looseObject({
  dim: v.optional(v.array(v.looseObject({ size: v.optional(v.union([v.string(), v.number()]), 0) })), () => []),
  unknownRank: v.optional(v.boolean(), false),
});

const tensorSchema = v.looseObject({
  name: v.pipe(v.string(), v.minLength(1)),
  dtype: v.optional(v.union([v.string(), v.number()])),
  tensorShape: v.optional(shapeSchema),
  /** Set on the handles of tables, which the graph's initializer feeds. */
  resourceId: v.optional(v.unknown()),
});

/** The `signature` of a model.json. */
export const signatureSchema = v.looseObject({
  inputs: v.optional(v.record(v.string(), tensorSchema), () => ({})),
  outputs: v.optional(v.record(v.string(), tensorSchema), () => ({})),
});
export type Signature = v.InferOutput<typeof signatureSchema>;

export const PREDICT_METHOD = "tensorflow/serving/predict";

/**
 * The signature defs of a TF.js graph model: one, `serving_default`. The converter names keys that the model's author left
 * unnamed after their tensors (`Identity_6:0`); there a trailing `:0` is left out, so that a key reads as the node's name,
 * unless two keys would become one. Where model.json has no signature, the graph's placeholders are the inputs and the
 * nodes that nothing consumes are the outputs, each under its node's name.
 * @throws MODEL_MALFORMED
 */
export function signatureDefsOf(signature: Signature | undefined, graph: GraphTopology, what: string): Readonly<Record<string, SignatureDef>> {
  const nodes = new Map(graph.node.map((node) => [node.name, node]));
  const inputs = declared(signature?.inputs, nodes, what, "input");
  const outputs = declared(signature?.outputs, nodes, what, "output");
  const def: SignatureDef = {
    methodName: PREDICT_METHOD,
    inputs: signature === undefined || Object.keys(signature.inputs).length === 0 ? placeholders(graph) : inputs,
    outputs: Object.keys(outputs).length === 0 ? unconsumed(graph) : outputs,
  };
  if (Object.keys(def.outputs).length === 0) throw new AshoreError("MODEL_MALFORMED", `${what} has no outputs: its graph is empty.`);
  return { serving_default: def };
}

function declared(tensors: Signature["inputs"] | undefined, nodes: ReadonlyMap<string, GraphNode>, what: string, role: "input" | "output"): Record<string, TensorInfo> {
  const infos: [string, TensorInfo][] = [];
  for (const [key, { name, dtype: proto, tensorShape, resourceId }] of Object.entries(tensors ?? {})) {
    if (resourceId !== undefined) continue;
    const node = nodes.get(nodeOf(name));
    if (node === undefined) {
      // An input that the converter's optimiser found unused is gone from the graph; nothing would take its value.
      if (role === "input") continue;
      throw new AshoreError("MODEL_MALFORMED", `${what}: the signature's ${role} ${JSON.stringify(key)} is the tensor ${JSON.stringify(name)}, which the graph does not have.`);
    }
    const dtype = proto === undefined ? dtypeOfNode(node) : dtypeOfProto(proto);
    if (dtype === undefined) throw new AshoreError("MODEL_MALFORMED", `${what}: the signature's ${role} ${JSON.stringify(key)} has the dtype ${JSON.stringify(proto)}, which no tensor can have here.`);
    infos.push([key, { name, dtype, shape: tensorShape === undefined ? null : shapeOf(tensorShape) }]);
  }
  const short = infos.map(([key]) => key.replace(/:0$/, ""));
  const unique = new Set(short).size === infos.length;
  return Object.fromEntries(infos.map(([key, info], index) => [unique ? (short[index] ?? key) : key, info]));
}

function placeholders(graph: GraphTopology): Record<string, TensorInfo> {
  const found = graph.node.filter(({ op }) => op === "Placeholder" || op === "PlaceholderWithDefault");
  return Object.fromEntries(found.map((node) => [node.name, { name: `${node.name}:0`, dtype: dtypeOfNode(node), shape: attrShape(node) }]));
}

/** Ops that give nothing to read. */
const NO_OUTPUT: ReadonlySet<string> = new Set(["Placeholder", "PlaceholderWithDefault", "Const", "NoOp", "Assert"]);

function unconsumed(graph: GraphTopology): Record<string, TensorInfo> {
  const consumed = new Set(graph.node.flatMap(({ input }) => (input ?? []).map(nodeOf)));
  const found = graph.node.filter(({ name, op }) => !consumed.has(name) && !NO_OUTPUT.has(op));
  return Object.fromEntries(found.map((node) => [node.name, { name: `${node.name}:0`, dtype: dtypeOfNode(node), shape: null }]));
}

const BOOL_OPS = /^(Equal|NotEqual|Less|LessEqual|Greater|GreaterEqual|Logical.*|IsNan|IsInf|IsFinite|All|Any)$/;

/** The dtype of a node's first output, by the attributes that TensorFlow's op definitions use for it. */
function dtypeOfNode({ op, attr }: GraphNode): DType {
  if (BOOL_OPS.test(op)) return "bool";
  for (const name of op === "ArgMax" || op === "ArgMin" ? ["output_type"] : ["DstT", "out_type", "dtype", "T"]) {
    const parsed = v.safeParse(v.looseObject({ type: v.union([v.string(), v.number()]) }), attr?.[name]);
    const dtype = parsed.success ? dtypeOfProto(parsed.output.type) : undefined;
    if (dtype !== undefined) return dtype;
  }
  return op === "ArgMax" || op === "ArgMin" ? "int64" : "float32";
}

function attrShape({ attr }: GraphNode): number[] | null {
  const parsed = v.safeParse(v.looseObject({ shape: shapeSchema }), attr?.["shape"]);
  return parsed.success ? shapeOf(parsed.output.shape) : null;
}

function shapeOf({ dim, unknownRank }: v.InferOutput<typeof shapeSchema>): number[] | null {
  return unknownRank ? null : dim.map(({ size }) => Math.max(-1, Math.trunc(Number(size))));
}
