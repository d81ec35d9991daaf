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
  /** The states of a model's versions here; undefined where this process runs no model (`--no-inference`). */
  readonly statuses: ((model: ModelName) => readonly VersionStatus[]) | undefined;
  /** Why a configured model could not be published, by model. */
  readonly faults: ReadonlyMap<ModelName, string>;
}

/**
 * Whether this server can answer for every model that it must (DESIGN section 8): each has a version AVAILABLE, or its newest
 * ended, which no waiting changes; without inference: each is published. A model that cannot be published is ended too.
 */
export function readinessOf({ configured, catalog, statuses, faults }: ReadinessView): Readiness {
  const names = [...new Set([...configured, ...catalog.models.keys()])];
  const must = new Set(configured.length > 0 ? configured : names);
  const models = names.map((name) => modelReadiness(name, catalog.models.has(name), statuses?.(name), faults.get(name)));
  return { ready: models.every(({ name, ready }) => ready || !must.has(name)), models };
}

function modelReadiness(name: ModelName, published: boolean, versions: readonly VersionStatus[] | undefined, fault: string | undefined): ModelReadiness {
  const states = versions ?? [];
  if (versions === undefined ? published : states.some(({ state }) => state === "AVAILABLE")) {
    return { name, ready: true, versions: states, ...(fault === undefined ? {} : { reason: fault }) };
  }
  const newest = states.reduce<VersionStatus | undefined>((best, status) => (best === undefined || status.version > best.version ? status : best), undefined);
  if (newest?.state === "END") {
    return { name, ready: true, versions: states, reason: newest.error?.message ?? `version ${newest.version} was unloaded` };
  }
  if (!published) return { name, ready: fault !== undefined, versions: states, reason: fault ?? "not published yet: no version was found in its base path" };
  return { name, ready: false, versions: states, reason: newest === undefined ? "published, and not loaded yet" : `version ${newest.version} is in state ${newest.state}` };
}
