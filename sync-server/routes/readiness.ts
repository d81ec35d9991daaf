import type { ModelName } from "../../protocol/names.ts";
import type { VersionStatus } from "../../protocol/states.ts";
import type { Catalog } from "./catalog.ts";

export interface ModelReadiness {
  readonly name: ModelName;
  readonly ready: boolean;
  /** Why it is not ready, or what ended it; absent where all is well. */
  readonly reason?: string;
  readonly versions: readonly VersionStatus[];
}

export interface Readiness {
  readonly ready: boolean;
  readonly models: readonly ModelReadiness[];
}

export interface ReadinessView {
  /** The models that must be ready; none are configured where the data folder alone says what is served. */
  readonly configured: readonly ModelName[];
  readonly catalog: Catalog;
  /** Whether this process runs models itself. */
  readonly inference: boolean;
  /** The states of a model's versions, those that could not be published among them. */
  readonly statuses: (model: ModelName) => readonly VersionStatus[];
  /** What is wrong with a model's repository as a whole, if anything. */
  readonly problem: (model: ModelName) => string | undefined;
}

/**
 * Whether this server can answer for every model that it must (DESIGN section 8): each has a version AVAILABLE, or its newest
 * ended, which no waiting changes; without inference: each is published.
 */
export function readinessOf(view: ReadinessView): Readiness {
  const { configured, catalog } = view;
  const names = [...new Set([...configured, ...catalog.models.keys()])];
  const must = new Set(configured.length > 0 ? configured : names);
  const models = names.map((name) => modelReadiness(name, view));
  return { ready: models.every(({ name, ready }) => ready || !must.has(name)), models };
}

function modelReadiness(name: ModelName, { catalog, inference, statuses, problem }: ReadinessView): ModelReadiness {
  const versions = statuses(name);
  const published = catalog.models.has(name);
  const trouble = problem(name);
  if (inference ? versions.some(({ state }) => state === "AVAILABLE") : published) {
    return { name, ready: true, versions, ...(trouble === undefined ? {} : { reason: trouble }) };
  }
  const newest = versions.reduce<VersionStatus | undefined>((best, status) => (best === undefined || status.version > best.version ? status : best), undefined);
  if (newest?.state === "END") return { name, ready: true, versions, reason: newest.error?.message ?? `version ${newest.version} was unloaded` };
  if (newest !== undefined) return { name, ready: false, versions, reason: `version ${newest.version} is in state ${newest.state}` };
  return { name, ready: false, versions, reason: trouble ?? (published ? "published, and not loaded yet" : "not published yet") };
}
