import type { Backend, Manifest, Variant } from "../../protocol/manifest.ts";

export interface Choice {
  readonly variant: Variant;
  /** The host's backends that may run it, best first; at least one. */
  readonly backends: readonly Backend[];
}

/**
 * The variant that a host takes of a version: the first in the manifest's order that one of its backends may run. Undefined
 * where the publisher names none of them. Pure: what is fetched and what is loaded must be the same.
 */
export function chooseVariant({ variants }: Manifest, hosted: readonly Backend[]): Choice | undefined {
  for (const variant of variants) {
    const backends = hosted.filter((backend) => variant.backends === undefined || variant.backends.includes(backend));
    if (backends.length > 0) return { variant, backends };
  }
  return undefined;
}
