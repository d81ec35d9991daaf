import type { ModelName, Version } from "../../protocol/names.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { ServingConfig, TargetInfo, VersionPolicy } from "../../protocol/serving-config.ts";

/** A model's serving config, and what the publisher must remember beside it (kept in the signed target's `custom`). */
export interface ServingRecord {
  readonly config: ServingConfig;
  /** Versions that a revert took out of `config.versions`; a watcher that still sees their folders does not put them back. */
  readonly reverted: readonly Version[];
  /** Versions that came from the model's repository; they leave `config.versions` when their folder goes. */
  readonly fromRepository: readonly Version[];
}

/** What an operator configures; absent means "as before". */
export interface ServingSettings {
  /** Default `{ latest: 1 }`. */
  readonly policy?: VersionPolicy | undefined;
  readonly labels?: Readonly<Record<string, Version>> | undefined;
  /** Seconds between a device's polls; default LIMITS.pollSeconds. */
  readonly pollSeconds?: number | undefined;
}

/** A model's record after its settings were applied; everything else (versions, rollout, blocks, halt) stays as it was. */
export function servingConfigFor(model: ModelName, previous: ServingRecord | undefined, settings: ServingSettings = {}): ServingRecord {
  const config: ServingConfig = previous?.config ?? {
    schemaVersion: 1,
    model,
    versions: [],
    policy: { latest: 1 },
    labels: {},
    blocked: [],
    halt: false,
    pollSeconds: LIMITS.pollSeconds,
  };
  return {
    config: {
      ...config,
      ...(settings.policy === undefined ? {} : { policy: settings.policy }),
      ...(settings.labels === undefined ? {} : { labels: settings.labels }),
      ...(settings.pollSeconds === undefined ? {} : { pollSeconds: settings.pollSeconds }),
    },
    reverted: previous?.reverted ?? [],
    fromRepository: previous?.fromRepository ?? [],
  };
}

export interface AddOptions {
  /** Whether the version lies in a watched repository folder. */
  readonly fromRepository: boolean;
}

/** The record with a version that devices may take; one that a revert took out stays out. */
export function addVersion(record: ServingRecord, version: Version, manifest: TargetInfo, { fromRepository }: AddOptions): ServingRecord {
  const known = { ...record, fromRepository: fromRepository ? including(record.fromRepository, version) : record.fromRepository };
  return record.reverted.includes(version) ? known : offering(known, version, manifest);
}

/**
 * The record after a look at the repository: versions that came from there and are gone leave, TensorFlow Serving's way to
 * roll back. Nothing leaves unless a served version is still present, so that a repository that vanished, was emptied, or
 * whose only version is being replaced never takes a model away from devices.
 */
export function keepPresent(record: ServingRecord, present: ReadonlySet<Version>): ServingRecord {
  const { versions } = record.config;
  if (!versions.some(({ version }) => present.has(version))) return record;
  const gone = record.fromRepository.filter((version) => !present.has(version));
  if (gone.length === 0) return record;
  return {
    ...record,
    config: { ...record.config, versions: versions.filter(({ version }) => !gone.includes(version)) },
    fromRepository: record.fromRepository.filter((version) => present.has(version)),
  };
}

/**
 * The record of a model whose repository is watched no more: what came from there leaves, its labels too, and a model that has
 * nothing else is to be unloaded. The same record where nothing came from there.
 */
export function retire(record: ServingRecord): ServingRecord {
  if (record.fromRepository.length === 0) return record;
  const versions = record.config.versions.filter(({ version }) => !record.fromRepository.includes(version));
  const labels = Object.fromEntries(Object.entries(record.config.labels).filter(([, version]) => versions.some((entry) => entry.version === version)));
  const policy: VersionPolicy = versions.length === 0 ? { specific: [] } : record.config.policy;
  return { ...record, config: { ...record.config, versions, labels, policy }, fromRepository: [] };
}

/**
 * The record with every version above `to` taken out and remembered, and `to` itself offered.
 * @param manifest of `to`, from the publisher's own targets
 */
export function revertTo(record: ServingRecord, to: Version, manifest: TargetInfo): ServingRecord {
  const above = record.config.versions.map(({ version }) => version).filter((version) => version > to);
  const reverted = above.reduce(including, record.reverted.filter((version) => version !== to));
  const versions = record.config.versions.filter(({ version }) => version <= to);
  return offering({ ...record, config: { ...record.config, versions }, reverted }, to, manifest);
}

function offering(record: ServingRecord, version: Version, manifest: TargetInfo): ServingRecord {
  const others = record.config.versions.filter((entry) => entry.version !== version);
  const versions = [...others, { version, manifest }].sort((a, b) => a.version - b.version);
  return { ...record, config: { ...record.config, versions } };
}

function including(versions: readonly Version[], version: Version): readonly Version[] {
  return versions.includes(version) ? versions : [...versions, version].sort((a, b) => a - b);
}
