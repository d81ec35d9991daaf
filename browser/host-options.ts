import * as v from "valibot";
import { AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { Fallback, HostOptions, ModelsWanted } from "../protocol/messages.ts";
import { isModelName, type ModelName } from "../protocol/names.ts";

const modelNameSchema = v.custom<ModelName>(isModelName, "must be a model name");

const serverSchema = v.custom<string>((value) => {
  if (typeof value !== "string" || !URL.canParse(value)) return false;
  const { protocol, username, search, hash } = new URL(value);
  return /^https?:$/.test(protocol) && username === "" && search === "" && hash === "";
}, "must be an absolute http or https URL, without credentials, query and fragment");

export const modelsSchema = v.union([v.literal("all"), v.pipe(v.array(modelNameSchema), v.maxLength(LIMITS.modelsPerScope))]);
export const backendsSchema = v.pipe(v.array(v.picklist(["webgpu", "wasm", "cpu"])), v.minLength(1));

/** What a page says that a runtime is to be. */
export const hostOptionsEntries = {
  server: serverSchema,
  models: modelsSchema,
  backends: v.optional(backendsSchema),
  fallback: v.picklist(["none", "server"]),
} as const;

const settingsSchema = v.object({
  schemaVersion: v.literal(1),
  ...hostOptionsEntries,
  removed: v.array(modelNameSchema),
  syncedAt: v.optional(v.number()),
});

/** What a host's runtime is, kept in the browser's database: a worker that was stopped knows it again at its first event. */
export interface HostSettings extends HostOptions {
  readonly schemaVersion: 1;
  /** Those that a page removed, until one asks again, whatever `models` or the script say. */
  readonly removed: readonly ModelName[];
  /** When the last look for news succeeded, in milliseconds since 1970. */
  readonly syncedAt?: number | undefined;
}

/** What the host's own script says; no page changes it, but for adding models. */
export interface GivenOptions {
  readonly server?: string | undefined;
  readonly models?: ModelsWanted | undefined;
  readonly backends?: readonly Backend[] | undefined;
  readonly fallback?: Fallback | undefined;
}

/** What was stored, if it is settings that this build can read; anything else counts as nothing, and the next page says it anew. */
export function readSettings(stored: unknown): HostSettings | undefined {
  const read = v.safeParse(settingsSchema, stored);
  return read.success ? read.output : undefined;
}

/** Trailing slashes do not make another server. */
export function sameServer(a: string, b: string): boolean {
  return new URL(a).href.replace(/\/+$/, "") === new URL(b).href.replace(/\/+$/, "");
}

/**
 * The settings after a page's hello: models are a union, backends and fallback are the last page's word, unless the script has one.
 * @throws WORKER_CONFLICT for another server than before, LIMIT_EXCEEDED for too many models
 */
export function settingsAfterHello(known: HostSettings | undefined, asked: HostOptions, given: GivenOptions): HostSettings {
  if (known !== undefined && !sameServer(known.server, asked.server)) throw otherServer(known.server, asked.server);
  const models = unionOf(known?.models ?? given.models ?? [], asked.models);
  if (models !== "all" && models.length > LIMITS.modelsPerScope) {
    throw new AshoreError("LIMIT_EXCEEDED", `The pages of this scope ask for ${models.length} models, and a runtime holds ${LIMITS.modelsPerScope}. Ask for fewer, or remove some.`);
  }
  return {
    schemaVersion: 1,
    server: known?.server ?? asked.server,
    models,
    backends: given.backends ?? asked.backends,
    fallback: given.fallback ?? asked.fallback,
    removed: asked.models === "all" ? [] : (known?.removed ?? []).filter((name) => !asked.models.includes(name)),
    syncedAt: known?.syncedAt,
  };
}

/** What is stored, with what the script says now: a new release of it may name other options. Undefined while nobody has named a server. */
export function settingsAtStart(stored: HostSettings | undefined, given: GivenOptions): HostSettings | undefined {
  const { server = stored?.server } = given;
  if (server === undefined) return undefined;
  // What was stored belongs to another server: the script's word counts, and the journal's versions need its trust anew.
  const known = stored !== undefined && sameServer(stored.server, server) ? stored : undefined;
  return {
    schemaVersion: 1,
    server,
    models: unionOf(known?.models ?? [], given.models ?? []),
    backends: given.backends ?? known?.backends,
    fallback: given.fallback ?? known?.fallback ?? "none",
    removed: known?.removed ?? [],
    syncedAt: known?.syncedAt,
  };
}

export function settingsAfterRemoval(known: HostSettings, model: ModelName): HostSettings {
  const { models, removed } = known;
  return {
    ...known,
    models: models === "all" ? models : models.filter((name) => name !== model),
    removed: [...removed.filter((name) => name !== model), model].slice(-LIMITS.modelsPerScope),
  };
}

/** Whether requests for a model of that name are this host's to answer, as far as settings say. */
export function isWanted({ models, removed }: HostSettings, model: string): boolean {
  return (models === "all" || models.some((name) => name === model)) && !removed.some((name) => name === model);
}

function unionOf(known: ModelsWanted, more: ModelsWanted): ModelsWanted {
  return known === "all" || more === "all" ? "all" : [...new Set([...known, ...more])];
}

function otherServer(known: string, asked: string): AshoreError {
  return new AshoreError(
    "WORKER_CONFLICT",
    `The runtime of this scope takes its models from ${known}, and this page asks for ${asked}. One scope has one server: use the same one in all its pages, give this page's app a scope of its own (\`scope\` of connect), or clear this site's data to begin anew.`,
  );
}
