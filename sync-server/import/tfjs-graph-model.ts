import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { parseGraphFile } from "../../protocol/graph.ts";
import { schemaError, type SignatureDef } from "../../protocol/manifest.ts";
import { parseStrictJson } from "../../protocol/strict-json.ts";
import { backendSupport } from "./graph/backend-support.ts";
import { mendOps } from "./graph/lower-ops.ts";
import { nodeNamesOf } from "./graph/node-names.ts";
import { optimiseGraph, type Keep } from "./graph/optimise-graph.ts";
import { printGraph, type GraphParts } from "./graph/print-graph.ts";
import { readGraphFile } from "./graph/read-graph-file.ts";
import { stagesOf } from "./graph/stages.ts";
import type { ImportedGraph, ImportOptions } from "./imported-model.ts";
import { importLayersModel } from "./layers-model/import-layers-model.ts";
import { signatureDefsOf, signatureSchema, type Signature } from "./signature-defs.ts";
import type { SourceFolder } from "./source-folder.ts";
import { refuseUnsupportedOps } from "./unsupported-ops.ts";
import { readWeights, weightsManifestSchema } from "./weights.ts";

export const MODEL_JSON = "model.json";

/** What the import itself reads of a model.json; the graph is read by `protocol/graph.ts`. */
const modelJsonSchema = v.object({
  weightsManifest: weightsManifestSchema,
  signature: v.nullish(signatureSchema),
  userDefinedMetadata: v.nullish(v.object({ signature: v.nullish(signatureSchema) })),
});

/**
 * A TF.js model: `model.json` and the weight files that it names, read whole. A layers model becomes the graph of its layers.
 * @throws MODEL_INCOMPLETE while files are missing or short, MODEL_MALFORMED for what will not get better by waiting,
 * MODEL_UNSUPPORTED_OP, LIMIT_EXCEEDED, CANCELLED
 */
export async function importTfjsGraphModel(source: SourceFolder, options: ImportOptions = {}): Promise<ImportedGraph> {
  const file = `${MODEL_JSON} in ${source.path}`;
  const json = parseModelJson(await source.read(MODEL_JSON, LIMITS.modelJsonBytes), file);
  const isLayers = isLayersModel(json);
  const what = isLayers ? `${file} (a layers model)` : file;
  const result = v.safeParse(modelJsonSchema, json);
  if (!result.success) {
    const { message } = schemaError(what, result.issues);
    throw new AshoreError("MODEL_MALFORMED", message);
  }
  const { weightsManifest, userDefinedMetadata } = result.output;
  if (isLayers) return importLayersModel(json["modelTopology"], weightsManifest, source, what, options);
  // Converters before 2.0 kept the signature among the user's metadata, where TF.js still looks first.
  const signature = userDefinedMetadata?.signature ?? result.output.signature ?? undefined;
  const graphFile = parseGraphFile(graphBlob(json, signature), what);
  if (options.unsupportedOps !== "accept") refuseUnsupportedOps(graphFile, what);
  const signatureDefs = signatureDefsOf(signature, graphFile.modelTopology, what);
  const parts = readGraphFile(graphFile, await readWeights(weightsManifest, source), what);
  const { stages, stage } = stagesOf(parts.graph);
  await stage("mend", () => mendOps(parts.graph, nodeNamesOf(parts.graph, ...(parts.initializer === undefined ? [] : [parts.initializer]))));
  if (options.optimise !== false) stages.push(...optimiseGraph(parts.graph, keptTensors(parts, signatureDefs)));
  const { backends, lacking } = backendSupport(parts.graph);
  const notes = Object.entries(lacking).map(([backend, op]) => `It does not run on ${backend}, which lacks ${op}.`);
  return { ...printGraph(parts), signatureDefs, stages, notes, ...(notes.length === 0 ? {} : { backends }), assets: [] };
}

/** What clients feed and fetch, and the handles that the initializer feeds. */
function keptTensors({ signature }: GraphParts, signatureDefs: Readonly<Record<string, SignatureDef>>): Keep {
  const defs = Object.values(signatureDefs);
  const captured = [...Object.values(signature?.inputs ?? {}), ...Object.values(signature?.outputs ?? {})].flatMap(({ name }) => name ?? []);
  return {
    feeds: [...captured, ...defs.flatMap(({ inputs }) => Object.values(inputs).map(({ name }) => name))],
    fetches: defs.flatMap(({ outputs }) => Object.values(outputs).map(({ name }) => name)),
  };
}

/** model.json's graph without what only people and the import read. */
function graphBlob(json: Readonly<Record<string, unknown>>, signature: Signature | undefined): Uint8Array<ArrayBuffer> {
  const { modelTopology, modelInitializer, initializerSignature } = json;
  const captured = signature !== undefined && [...Object.values(signature.inputs), ...Object.values(signature.outputs)].some(({ resourceId }) => resourceId !== undefined);
  const graph = { modelTopology, ...(captured ? { signature } : {}), modelInitializer, initializerSignature };
  return new TextEncoder().encode(JSON.stringify(graph));
}

function isLayersModel({ format, modelTopology }: Readonly<Record<string, unknown>>): boolean {
  return format === "layers-model" || (typeof modelTopology === "object" && modelTopology !== null && ("model_config" in modelTopology || "config" in modelTopology));
}

/** A model.json's object, after the ways in which it is often something else were named. */
function parseModelJson(bytes: Uint8Array, what: string): Readonly<Record<string, unknown>> {
  const start = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart();
  if (start.startsWith("<")) throw new AshoreError("MODEL_MALFORMED", `${what} is an HTML page, not JSON; a download went wrong.`);
  if (start.startsWith("version https://git-lfs")) throw new AshoreError("MODEL_MALFORMED", `${what} is a Git LFS pointer, not JSON; run "git lfs pull" and copy the model again.`);
  let json: unknown;
  try {
    json = parseStrictJson(bytes, what);
  } catch (cause) {
    if (start === "" || (start.startsWith("{") && !endsAsObject(bytes))) {
      throw new AshoreError("MODEL_INCOMPLETE", `${what} ends after ${bytes.byteLength} bytes, in the middle of its JSON; it is still being copied, or was cut short.`, { cause });
    }
    throw new AshoreError("MODEL_MALFORMED", cause instanceof Error ? cause.message : `${what} is not JSON.`, { cause });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw new AshoreError("MODEL_MALFORMED", `${what} is JSON, but no object; it is not a TF.js model.`);
  const object = Object.fromEntries(Object.entries(json));
  const { format, modelTopology } = object;
  if (isLayersModel(object)) return object;
  if (format !== undefined && format !== null && format !== "graph-model") {
    throw new AshoreError("MODEL_MALFORMED", `${what} has the format ${JSON.stringify(format)}; "graph-model" and "layers-model" are taken.`);
  }
  if (modelTopology === undefined) throw new AshoreError("MODEL_MALFORMED", `${what} has no modelTopology; it is not a TF.js model.`);
  return object;
}

function endsAsObject(bytes: Uint8Array): boolean {
  let end = bytes.byteLength;
  while (end > 0 && (bytes[end - 1] ?? 0) <= 0x20) end--;
  return bytes[end - 1] === "}".charCodeAt(0);
}
