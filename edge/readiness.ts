import type { ModelName } from "../protocol/names.ts";
import type { VersionStatus } from "../protocol/states.ts";
import type { ModelStatus } from "../runtime/index.ts";

export interface Readiness {
  readonly ready: boolean;
  /** Since when no news is taken in, as the server's metadata expired (ISO 8601); what is held goes on answering. */
  readonly expired_since?: string;
  readonly models: readonly { readonly name: ModelName; readonly ready: boolean; readonly versions: readonly VersionStatus[] }[];
}

/** Ready: at least one model is known, and each has a version AVAILABLE, or its newest ended, which no waiting changes. */
export function readinessOf(models: readonly ModelStatus[]): Readiness {
  const each = models.map(({ name, versions }) => ({
    name,
    ready: versions.some(({ state }) => state === "AVAILABLE") || versions[0]?.state === "END",
    versions,
  }));
  const since = models.find(({ expiredSince }) => expiredSince !== undefined)?.expiredSince;
  return { ...(since === undefined ? {} : { expired_since: new Date(since).toISOString() }), ready: each.length > 0 && each.every(({ ready }) => ready), models: each };
}
