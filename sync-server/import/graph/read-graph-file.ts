import * as v from "valibot";
import { AshoreError } from "../../../protocol/errors.ts";
import type { GraphFile, GraphNode as JsonNode } from "../../../protocol/graph.ts";
import { schemaError } from "../../../protocol/manifest.ts";
import type { ImportedTensor } from "../imported-model.ts";
import type { AttrValue, Attrs, ShapeProto } from "./attrs.ts";
import type { Graph, GraphFunction, GraphNode } from "./graph.ts";
import type { GraphParts } from "./print-graph.ts";
import { referTo } from "./references.ts";
import { firstOutput } from "../saved-model/op-outputs.ts";

/**
 * A TF.js graph model as the import's graph, with what stands beside it. Nothing that TF.js reads is lost: weights keep the bytes
 * in which they are stored, and a constant that lacks its weight has none (an engine refuses it, where it is needed).
 * @throws MODEL_MALFORMED
 */
export function readGraphFile(file: GraphFile, tensors: readonly ImportedTensor[], what = "the graph"): GraphParts {
  const { modelTopology, modelInitializer, signature, initializerSignature } = file;
  const weights = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const { versions } = modelTopology;
  return {
    graph: readTopology(modelTopology.node, modelTopology.library, weights, what),
    ...(versions ? { versions } : {}),
    ...(signature ? { signature } : {}),
    ...(modelInitializer?.node === undefined ? {} : { initializer: readTopology(modelInitializer.node, modelInitializer.library, weights, what) }),
    ...(initializerSignature ? { initializerSignature } : {}),
  };
}

type Library = GraphFile["modelTopology"]["library"];

function readTopology(nodes: readonly JsonNode[], library: Library, weights: ReadonlyMap<string, ImportedTensor>, what: string): Graph {
  const functions = (library?.function ?? []).map((definition) => readFunction(definition, what));
  const graph: Graph = { nodes: readNodes(nodes, what), functions, constants: new Map() };
  for (const { name, op } of [graph.nodes, ...functions.map((body) => body.nodes)].flat()) {
    const tensor = op === "Const" ? weights.get(name) : undefined;
    if (tensor !== undefined) graph.constants.set(name, { kind: "stored", tensor });
  }
  return graph;
}

function readNodes(nodes: readonly JsonNode[], what: string): GraphNode[] {
  const read = nodes.map(({ name, op, input = [], attr = {} }): GraphNode => ({ name, op, inputs: input, attrs: readAttrs(attr, `${what}: the node ${JSON.stringify(name)}`) }));
  const byName = new Map(read.map((node) => [node.name, node]));
  for (const node of read) node.inputs = node.inputs.map((reference) => flat(reference, byName));
  return read;
}

/** `node`, `node:k` or `^node`, out of what GraphDef and FunctionDef write. */
function flat(reference: string, nodes: ReadonlyMap<string, GraphNode>): string {
  const [name = "", ...rest] = reference.split(":");
  const node = nodes.get(name);
  const first = node === undefined || rest.length < 2 ? 0 : firstOutput(node, rest[0] ?? "");
  const index = Number(rest.at(-1) ?? 0);
  return referTo(name, (Number.isNaN(first) ? 0 : first) + (Number.isSafeInteger(index) ? index : 0));
}

const argSchema = v.object({ name: v.string(), type: v.optional(v.union([v.string(), v.number()]), "DT_INVALID") });
const definitionSchema = v.object({
  signature: v.object({ name: v.string(), inputArg: v.optional(v.array(argSchema), () => []), outputArg: v.optional(v.array(argSchema), () => []) }),
  ret: v.optional(v.record(v.string(), v.string()), () => ({})),
});

function readFunction(definition: { readonly nodeDef?: JsonNode[] | undefined }, what: string): GraphFunction {
  const result = v.safeParse(definitionSchema, definition);
  if (!result.success) throw malformed(`${what}: a function`, result.issues);
  const { signature, ret } = result.output;
  const nodes = readNodes(definition.nodeDef ?? [], `${what}, the function ${signature.name}`);
  const byName = new Map(nodes.map((node) => [node.name, node]));
  return {
    name: signature.name,
    args: signature.inputArg.map(({ name, type }) => ({ name, type: String(type) })),
    results: signature.outputArg.map(({ name, type }) => ({ name, type: String(type), from: flat(ret[name] ?? name, byName) })),
    nodes,
  };
}

// Old converters wrote numbers where protobuf's JSON has text, numbers for types, and bytes as arrays.
const integer = v.pipe(v.union([v.string(), v.number()]), v.transform(String));
const type = v.pipe(v.union([v.string(), v.number()]), v.transform(String));
const float = v.union([v.number(), v.picklist(["NaN", "Infinity", "-Infinity"])]);
const bytes = v.pipe(v.union([v.string(), v.array(v.number())]), v.transform((s) => (typeof s === "string" ? s : Buffer.from(s).toString("base64"))));
const func = v.pipe(v.object({ name: v.string() }), v.transform(({ name }) => ({ name })));
const shape = v.pipe(
  v.object({ dim: v.nullish(v.array(v.object({ size: v.optional(integer, "0") }))), unknownRank: v.nullish(v.boolean()) }),
  v.transform(({ dim, unknownRank }): ShapeProto => (unknownRank === true ? { unknownRank } : { dim: dim ?? [] })),
);
const list = v.object({
  type: v.exactOptional(v.array(type)),
  i: v.exactOptional(v.array(integer)),
  f: v.exactOptional(v.array(v.number())),
  b: v.exactOptional(v.array(v.boolean())),
  s: v.exactOptional(v.array(bytes)),
  shape: v.exactOptional(v.array(shape)),
  func: v.exactOptional(v.array(func)),
});
const attrSchema = v.object({
  type: v.exactOptional(type),
  i: v.exactOptional(integer),
  f: v.exactOptional(float),
  b: v.exactOptional(v.boolean()),
  s: v.exactOptional(bytes),
  shape: v.exactOptional(shape),
  func: v.exactOptional(func),
  list: v.exactOptional(list),
});

function readAttrs(attr: Readonly<Record<string, unknown>>, what: string): Attrs {
  const attrs: Record<string, AttrValue> = {};
  for (const [name, value] of Object.entries(attr)) {
    if (isTensor(value)) continue;
    const result = v.safeParse(attrSchema, value);
    if (!result.success) throw malformed(`${what}, its attribute ${JSON.stringify(name)}`, result.issues);
    attrs[name] = result.output;
  }
  return attrs;
}

/** A constant's `value`, which in a TF.js model says only what the weight says itself. */
function isTensor(value: unknown): boolean {
  return typeof value === "object" && value !== null && "tensor" in value;
}

function malformed(what: string, issues: readonly v.BaseIssue<unknown>[]): AshoreError {
  return new AshoreError("MODEL_MALFORMED", schemaError(what, issues).message);
}
