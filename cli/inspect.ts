import { randomFillSync } from "node:crypto";
import { resolve } from "node:path";
import { Command } from "commander";
import * as v from "valibot";
import { AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { parseManifest, type EncodedBlob } from "../protocol/manifest.ts";
import { parseStrictJson } from "../protocol/strict-json.ts";
import { parseTensorIndex } from "../protocol/tensor-index.ts";
import { memoryBlobs } from "../runtime/store/index.ts";
import { blobsOf, fetchBlob, planVersion } from "../runtime/sync/index.ts";
import { download } from "../runtime/trust/index.ts";
import type { WithSignal } from "../runtime/ports.ts";
import { importModel, readTagSets } from "../sync-server/import/index.ts";
import { systemClock } from "../sync-server/system-clock.ts";
import type { Io } from "./io.ts";
import { countOps, printSummary, type ModelSummary } from "./model-summary.ts";
import { printJson, printLine } from "./print.ts";

/** `ashore inspect`: what a model takes, gives, and consists of. */
export function inspectCommand(io: Io): Command {
  return new Command("inspect")
    .description("Show a model's signature defs, operations and sizes: of a version's folder, of a server's newest versions, or of one version's manifest URL.")
    .argument("<what>", "a folder, http://SERVER, http://SERVER/manifests/NAME or http://SERVER/manifests/NAME/versions/N")
    .option("--saved_model_tags <tags>", "of a SavedModel's folder: the tag set to show, with commas between (default: serve, or the only one)")
    .option("--json", "print JSON")
    .action(async (what: string, { json = false, saved_model_tags: tags }: { readonly json?: boolean; readonly saved_model_tags?: string }) => {
      const isUrl = /^https?:\/\//.test(what);
      if (isUrl && tags !== undefined) throw new AshoreError("USAGE", `--saved_model_tags is for a SavedModel's folder; what ${what} publishes has been chosen.`);
      const summaries = isUrl ? await inspectUrl(what, io) : [await inspectFolder(resolve(io.cwd, what), tags?.split(",").map((tag) => tag.trim()), io)];
      if (json) return printJson(io, isUrl ? summaries : summaries[0]);
      for (const [at, summary] of summaries.entries()) {
        if (at > 0) printLine(io);
        printSummary(io, summary);
      }
    });
}

async function inspectFolder(folder: string, tags: readonly string[] | undefined, { signal }: WithSignal): Promise<ModelSummary> {
  const tagSets = await readTagSets(folder, { signal });
  const [only, ...others] = tagSets;
  const savedModelTags = tags ?? (others.length === 0 ? only : undefined);
  const { graph, tensors, signatureDefs, preprocess, classes, assets, backends, warmup, notes, stages } = await importModel(folder, { signal, savedModelTags, unsupportedOps: "accept" });
  return {
    name: folder,
    tagSets,
    signatureDefs,
    preprocess,
    classes: classes && { output: classes.output, names: `${classes.names.length} names` },
    ops: countOps(graph, folder),
    graphBytes: graph.byteLength,
    weights: { tensors: tensors.length, bytes: tensors.reduce((sum, { bytes }) => sum + bytes.byteLength, 0) },
    assets: assets.map(({ path, bytes }) => ({ path, bytes: bytes.byteLength })),
    backends,
    warmUpRecords: warmup?.length,
    notes,
    stages,
  };
}

const versionsSchema = v.object({ versions: v.array(v.object({ manifest: v.string() })) });
const listSchema = v.object({ models: v.array(versionsSchema) });

/** The manifests that a URL leads to, and what they say; blobs are proved by digest, the manifest by the connection alone. */
async function inspectUrl(url: string, options: WithSignal): Promise<readonly ModelSummary[]> {
  const { origin, pathname } = new URL(url);
  const path = pathname.replace(/\/+$/, "");
  if (/^\/manifests\/[^/]+\/(versions|labels)\/[^/]+$/.test(path)) return [await inspectManifest(origin, path, options)];
  const paths: string[] = [];
  if (/^\/manifests\/[^/]+$/.test(path)) {
    for (const { manifest } of parsed(versionsSchema, await bytesOf(origin + path, options), origin + path).versions) paths.push(manifest);
  } else if (path === "" || path === "/manifests") {
    const { models } = parsed(listSchema, await bytesOf(`${origin}/manifests`, options), `${origin}/manifests`);
    for (const { versions } of models) if (versions[0] !== undefined) paths.push(versions[0].manifest);
  } else {
    throw new AshoreError("USAGE", `${url} is no place where manifests are: use http://SERVER, http://SERVER/manifests/NAME or http://SERVER/manifests/NAME/versions/N.`);
  }
  if (paths.length === 0) throw new AshoreError("NOT_FOUND", `${url} publishes no version.`);
  const summaries: ModelSummary[] = [];
  for (const manifest of paths) summaries.push(await inspectManifest(origin, manifest, options));
  return summaries;
}

async function inspectManifest(server: string, path: string, options: WithSignal): Promise<ModelSummary> {
  const what = server + path;
  const manifest = parseManifest(await bytesOf(what, options), what);
  const [variant] = manifest.variants;
  if (variant === undefined) throw new AshoreError("SCHEMA_INVALID", `${what} names no variant.`);
  const plan = planVersion(blobsOf(manifest, [variant]), { holds: () => false, failed: () => false });
  const source = { server, fetch: globalFetch, clock: systemClock, random: (count: number) => randomFillSync(new Uint8Array(count)), blobs: memoryBlobs() };
  const fetched = (wanted: EncodedBlob): Promise<Uint8Array<ArrayBuffer>> => fetchBlob(wanted, plan.blobs.find(({ blob }) => blob.digest === wanted.digest)?.encodings ?? [], source, options);
  const { tensors } = parseTensorIndex(await fetched(variant.index), variant.shards.map(({ size }) => size), `the tensor index of ${what}`);
  return {
    name: `${manifest.model} version ${manifest.version}`,
    signatureDefs: manifest.signatureDefs,
    preprocess: manifest.preprocess,
    classes: manifest.classes && { output: manifest.classes.output, names: typeof manifest.classes.names === "string" ? `names in ${manifest.classes.names}` : `${manifest.classes.names.length} names` },
    ops: countOps(await fetched(variant.graph), `the graph of ${what}`),
    graphBytes: variant.graph.size,
    weights: { tensors: tensors.length, bytes: variant.shards.reduce((sum, { size }) => sum + size, 0) },
    assets: manifest.assets.map((asset) => ({ path: asset.path, bytes: asset.blob.size })),
    downloadBytes: plan.totalBytes,
    warmUpRecords: manifest.warmup.some((entry) => "asset" in entry) ? undefined : manifest.warmup.length,
    selfTest: manifest.selfTest,
  };
}

async function bytesOf(url: string, { signal }: WithSignal): Promise<Uint8Array> {
  return (await download(globalFetch, url, { maxBytes: LIMITS.targetsBytes, clock: systemClock, cache: "no-cache", signal })).bytes;
}

function globalFetch(url: string, init?: RequestInit): Promise<Response> {
  return fetch(url, init);
}

function parsed<Schema extends v.GenericSchema<unknown, unknown>>(schema: Schema, bytes: Uint8Array, what: string): v.InferOutput<Schema> {
  const result = v.safeParse(schema, parseStrictJson(bytes, what));
  if (result.success) return result.output;
  throw new AshoreError("SCHEMA_INVALID", `${what} is not what an Ashore server answers there: ${result.issues[0].message}`);
}
