import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { schemaError } from "../../protocol/manifest.ts";
import { isModelName, type ModelName } from "../../protocol/names.ts";
import { parseServingConfig, servingConfigPath, targetInfoSchema, type ServingConfig, type TargetInfo } from "../../protocol/serving-config.ts";
import { parseStrictJson } from "../../protocol/strict-json.ts";
import type { WithSignal } from "../with-signal.ts";
import { targetPath, type FileStorage } from "../storage/index.ts";
import type { StaticFiles } from "./static-files.ts";

/** What the signed metadata that is published now says devices should serve. */
export interface Catalog {
  /** When the timestamp expires; null while nothing was signed yet. */
  readonly expires: string | null;
  readonly models: ReadonlyMap<ModelName, CatalogModel>;
}

export interface CatalogModel {
  readonly config: ServingConfig;
  readonly target: TargetInfo;
}

export type ReadCatalog = (options?: WithSignal) => Promise<Catalog>;

const metaSchema = v.record(v.string(), v.object({ version: v.pipe(v.number(), v.safeInteger(), v.minValue(1)) }));
const listingSchema = v.object({ signed: v.object({ expires: v.string(), meta: metaSchema }) });
const servingSchema = v.object({
  signed: v.object({
    targets: v.record(
      v.string(),
      v.pipe(
        v.object({ length: targetInfoSchema.entries.length, hashes: v.object({ sha256: targetInfoSchema.entries.sha256 }) }),
        v.transform(({ length, hashes }): TargetInfo => ({ length, sha256: hashes.sha256 })),
      ),
    ),
  }),
});

const TIMESTAMP = "metadata/timestamp.json";
const EMPTY: Catalog = { expires: null, models: new Map() };

/**
 * Reads the catalog from the files that devices read, so that it says what they are told, whoever signed it. Made anew only
 * when the timestamp's bytes change. It proves nothing: the files are the server's own.
 */
export function createCatalogReader(storage: FileStorage, files: StaticFiles): ReadCatalog {
  let last: { readonly etag: string; readonly catalog: Promise<Catalog> } | undefined;

  async function catalogOf(options: WithSignal): Promise<Catalog> {
    const { expires, meta } = parsed(listingSchema, await needed(TIMESTAMP, options), TIMESTAMP).signed;
    const snapshotFile = `metadata/${versionIn(meta, "snapshot.json")}.snapshot.json`;
    const snapshot = parsed(listingSchema, await needed(snapshotFile, options), snapshotFile).signed.meta;
    if (snapshot["serving.json"] === undefined) return { expires, models: new Map() };
    const servingFile = `metadata/${versionIn(snapshot, "serving.json")}.serving.json`;
    const { targets } = parsed(servingSchema, await needed(servingFile, options), servingFile).signed;
    const models = new Map<ModelName, CatalogModel>();
    for (const [path, target] of Object.entries(targets).sort(([a], [b]) => (a < b ? -1 : 1))) {
      const name = path.slice("serving/".length, -".json".length);
      if (!isModelName(name) || path !== servingConfigPath(name)) continue;
      const file = targetPath(path, target.sha256);
      models.set(name, { target, config: parseServingConfig(await needed(file, options), file) });
    }
    return { expires, models };
  }

  async function needed(path: string, options: WithSignal): Promise<Uint8Array> {
    const bytes = await storage.read(path, options);
    if (bytes === undefined) throw new AshoreError("STORE_CORRUPT", `${path} is named by signed metadata and is not there; restore the data folder, or publish again.`);
    return bytes;
  }

  return async (options = {}) => {
    const timestamp = await files.find(`/${TIMESTAMP}`);
    if (timestamp === undefined) return EMPTY;
    const { etag } = timestamp.representation;
    if (last?.etag !== etag) {
      const catalog = catalogOf(options);
      last = { etag, catalog };
      // A reading that failed is tried again by whoever asks next.
      catalog.catch(() => {
        if (last?.catalog === catalog) last = undefined;
      });
    }
    return last.catalog;
  };
}

function versionIn(meta: v.InferOutput<typeof metaSchema>, file: string): number {
  const entry = meta[file];
  if (entry === undefined) throw new AshoreError("STORE_CORRUPT", `The signed metadata names no ${file}.`);
  return entry.version;
}

function parsed<Schema extends v.GenericSchema<unknown, unknown>>(schema: Schema, bytes: Uint8Array, what: string): v.InferOutput<Schema> {
  const result = v.safeParse(schema, parseStrictJson(bytes, what));
  if (!result.success) throw schemaError(what, result.issues);
  return result.output;
}
