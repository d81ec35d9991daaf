import { ApartEngineHost, type LendEngine } from "../browser/apart-engine-host.ts";
import type { EnginePlace } from "../browser/engine-ports.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { EngineHost } from "../runtime/ports.ts";

export interface PlacedEngineHostOptions extends EnginePlace {
  /** Computes in this service worker. */
  readonly here: EngineHost;
  readonly lend: LendEngine;
}

/**
 * The engine host of a service worker: what takes long is computed in a worker that a page lends, as far as there is one, because a
 * service worker that computes answers nothing else, not even for the pictures of its pages.
 */
export function createPlacedEngineHost(options: PlacedEngineHostOptions): EngineHost {
  const host = new ApartEngineHost({ ...options, isApart: ({ inferenceMs }) => isHeavy(inferenceMs) });
  return {
    backends: host.backends,
    load: (model, loading) => host.load(model, loading),
    prepare: (backend) => host.prepare(backend),
    wouldMove: (loaded, inferenceMs) => isHeavy(inferenceMs) && !host.isApart(loaded) && host.mayFindPlace,
    close: () => host.close(),
  };
}

function isHeavy(inferenceMs: number | undefined): boolean {
  return inferenceMs !== undefined && inferenceMs > LIMITS.heavyInferenceMs;
}
