import * as v from "valibot";
import { AshoreError } from "./errors.ts";
import { LIMITS } from "./limits.ts";

/**
 * The graph of a variant, as a blob: what `tensorflowjs_converter` writes into model.json, without the weights manifest (the
 * tensor index takes its place) and without what describes the model to people. JSON, UTF-8, `modelTopology` being a
 * GraphDef in JSON form.
 *
 * `signature` is needed only for inputs that the initializer captures (hash tables: entries with a `resourceId`); what a
 * client may ask is in the manifest's signature defs.
 */
const nodeSchema = v.looseObject({
  name: v.pipe(v.string(), v.minLength(1)),
  op: v.pipe(v.string(), v.minLength(1)),
  input: v.optional(v.array(v.string())),
  attr: v.optional(v.record(v.string(), v.unknown())),
});
export type GraphNode = v.InferOutput<typeof nodeSchema>;

const functionSchema = v.looseObject({
  signature: v.looseObject({ name: v.string() }),
  nodeDef: v.optional(v.array(nodeSchema)),
});

const topologySchema = v.looseObject({
  node: v.array(nodeSchema),
  library: v.nullish(v.looseObject({ function: v.optional(v.array(functionSchema)) })),
  versions: v.nullish(v.looseObject({})),
});
export type GraphTopology = v.InferOutput<typeof topologySchema>;

const graphSignatureSchema = v.looseObject({
  inputs: v.optional(v.record(v.string(), v.looseObject({ name: v.optional(v.string()), resourceId: v.optional(v.number()) }))),
  outputs: v.optional(v.record(v.string(), v.looseObject({ name: v.optional(v.string()), resourceId: v.optional(v.number()) }))),
});
export type GraphSignature = v.InferOutput<typeof graphSignatureSchema>;

const graphFileSchema = v.object({
  modelTopology: topologySchema,
  signature: v.nullish(graphSignatureSchema),
  modelInitializer: v.nullish(v.looseObject({ ...topologySchema.entries, node: v.optional(v.array(nodeSchema)) })),
  initializerSignature: v.nullish(graphSignatureSchema),
});
export type GraphFile = v.InferOutput<typeof graphFileSchema>;

/**
 * A graph from its verified bytes.
 * @throws MODEL_MALFORMED, LIMIT_EXCEEDED
 */
export function parseGraphFile(bytes: Uint8Array, what = "the graph"): GraphFile {
  if (bytes.byteLength > LIMITS.graphBytes) {
    throw new AshoreError("LIMIT_EXCEEDED", `${what} has ${bytes.byteLength} bytes; at most ${LIMITS.graphBytes} are read.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new AshoreError("MODEL_MALFORMED", `${what} is not JSON. Convert the model again.`, { cause });
  }
  const result = v.safeParse(graphFileSchema, value);
  if (result.success) return result.output;
  const fault = result.issues[0];
  throw new AshoreError(
    "MODEL_MALFORMED",
    `${what} is not a TensorFlow.js graph model: ${v.getDotPath(fault) ?? "(root)"}: ${fault.message}. A layers model must be converted to a graph model first.`,
  );
}

export function printGraphFile(graph: GraphFile): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(graph)}\n`);
}
