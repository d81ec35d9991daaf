import * as v from "valibot";
import { digestSchema, sizeSchema } from "../../protocol/descriptor.ts";
import { digestOfHex, type Digest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { schemaError, type Backend } from "../../protocol/manifest.ts";
import { isModelName, isVersion, type ModelName, type Version } from "../../protocol/names.ts";
import { targetInfoSchema, type TargetInfo } from "../../protocol/serving-config.ts";
import type { HeldVersion, InferenceTimes, Journal, JournalModel } from "../ports.ts";

const backends = ["webgpu", "wasm", "cpu"] as const satisfies readonly Backend[];
const timeSchema = v.optional(v.nullable(v.pipe(v.number(), v.finite(), v.minValue(0))));
const versionSchema = v.custom<Version>(isVersion, "must be a version");

const modelSchema = v.object({
  config: v.nullable(v.object({ target: targetInfoSchema, metadataVersion: sizeSchema })),
  held: v.array(
    v.object({
      version: versionSchema,
      manifest: targetInfoSchema,
      proved: v.optional(v.picklist(backends)),
      inferenceMs: v.optional(v.object(v.entriesFromList(backends, timeSchema))),
    }),
  ),
  served: v.nullable(v.object({ version: versionSchema, metadataVersion: sizeSchema })),
  failed: v.pipe(v.array(digestSchema), v.maxLength(LIMITS.failedDigests)),
});

/** Not `v.record`, which passes over keys such as `constructor`: a model may be called that. */
const modelsSchema = v.pipe(
  v.custom<Readonly<Record<string, unknown>>>((value) => typeof value === "object" && value !== null && !Array.isArray(value), "must be an object"),
  v.transform((models) => Object.entries(models)),
  v.array(v.tuple([v.custom<ModelName>(isModelName, "must be a model name"), modelSchema])),
  v.transform((models): Journal["models"] => Object.fromEntries(models)),
);

const journalSchema = v.object({
  schemaVersion: v.literal(1),
  installSecret: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  models: modelsSchema,
});

const newerSchema = v.looseObject({ schemaVersion: v.pipe(v.number(), v.integer(), v.gtValue(1)) });

/**
 * A stored value as the journal that it must be.
 * @throws STORE_NEWER where a later Ashore wrote it: it is to be left as it is; STORE_CORRUPT where it is no journal
 */
export function parseJournal(value: unknown, what = "the journal"): Journal {
  const result = v.safeParse(journalSchema, value);
  if (result.success) return result.output;
  const newer = v.safeParse(newerSchema, value);
  if (newer.success) {
    throw new AshoreError("STORE_NEWER", `${what} has schema version ${newer.output.schemaVersion}, of a later Ashore than this one, which knows 1. It is left as it is, and nothing is stored; run the later Ashore, or another data folder.`);
  }
  throw new AshoreError("STORE_CORRUPT", `${what} is damaged.`, { cause: schemaError(what, result.issues) });
}

export function emptyJournal(installSecret: string): Journal {
  return { schemaVersion: 1, installSecret, models: {} };
}

const NOTHING: JournalModel = { config: null, held: [], served: null, failed: [] };

/** What the journal has of a model; an empty record for one that it does not know. */
export function journalOf(journal: Journal, model: ModelName): JournalModel {
  return Object.hasOwn(journal.models, model) ? (journal.models[model] ?? NOTHING) : NOTHING;
}

/** A version is held: its manifest and all its blobs are stored and verified. Held versions are in ascending order. */
export function commitVersion(journal: Journal, model: ModelName, version: Version, manifest: TargetInfo): Journal {
  return change(journal, model, ({ held }) => ({
    held: [...held.filter((other) => other.version !== version), { version, manifest }].sort((a, b) => a.version - b.version),
  }));
}

export function forgetVersion(journal: Journal, model: ModelName, version: Version): Journal {
  return change(journal, model, ({ held }) => ({ held: held.filter((other) => other.version !== version) }));
}

/** A held version passed its self-test on this backend, and serves. */
export function markProved(journal: Journal, model: ModelName, version: Version, proved: Backend): Journal {
  return changeHeld(journal, model, version, (one) => (one.proved === proved ? one : { ...one, proved }));
}

/** How long an inference of a held version takes. What is known already is written again only where it was off by more than a factor of two. */
export function markTimes(journal: Journal, model: ModelName, version: Version, manifest: Digest, times: InferenceTimes): Journal {
  return changeHeld(journal, model, version, (one) => {
    if (digestOfHex(one.manifest.sha256) !== manifest) return one;
    const news = Object.entries(times).filter(([backend, ms]) => isNews(one.inferenceMs?.[backend as Backend], ms));
    return news.length === 0 ? one : { ...one, inferenceMs: { ...one.inferenceMs, ...Object.fromEntries(news) } };
  });
}

function isNews(known: number | null | undefined, ms: number | null | undefined): boolean {
  if (ms === undefined) return false;
  if (typeof known !== "number" || ms === null) return known !== ms;
  return ms > 2 * known || ms < known / 2;
}

/** A version answers now, given by this version of the serving metadata. */
export function markServed(journal: Journal, model: ModelName, version: Version, metadataVersion: number): Journal {
  return change(journal, model, () => ({ served: { version, metadataVersion } }));
}

/** A manifest failed on this device and is not tried again; the oldest of LIMITS.failedDigests is forgotten first. */
export function markFailed(journal: Journal, model: ModelName, manifest: Digest): Journal {
  return change(journal, model, ({ failed }) => ({
    failed: [...failed.filter((other) => other !== manifest), manifest].slice(-LIMITS.failedDigests),
  }));
}

/** The serving config last taken; its bytes are in the blob store. */
export function setConfig(journal: Journal, model: ModelName, target: TargetInfo, metadataVersion: number): Journal {
  return change(journal, model, () => ({ config: { target, metadataVersion } }));
}

/** Another root is pinned: what the old chain said is dropped, what is held stays until the new chain names versions. */
export function resetTrust(journal: Journal): Journal {
  const models = Object.entries(journal.models).map(([model, record]) => [model, { ...record, config: null, served: null }] as const);
  return { ...journal, models: Object.fromEntries(models) };
}

export function forgetModel(journal: Journal, model: ModelName): Journal {
  return { ...journal, models: Object.fromEntries(Object.entries(journal.models).filter(([other]) => other !== model)) };
}

/** The same journal where the version is not held, or `next` answers what it was given. */
function changeHeld(journal: Journal, model: ModelName, version: Version, next: (held: HeldVersion) => HeldVersion): Journal {
  const { held } = journalOf(journal, model);
  const changed = held.map((one) => (one.version === version ? next(one) : one));
  return changed.every((one, at) => one === held[at]) ? journal : change(journal, model, () => ({ held: changed }));
}

function change(journal: Journal, model: ModelName, next: (record: JournalModel) => Partial<JournalModel>): Journal {
  const record = journalOf(journal, model);
  return { ...journal, models: { ...journal.models, [model]: { ...record, ...next(record) } } };
}
