import { ApartEngineHost, type LendEngine } from "../browser/apart-engine-host.ts";
import type { EnginePlace, VisibleLocks } from "../browser/engine-ports.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { EngineHost } from "../runtime/ports.ts";

export interface PlacedEngineHostOptions extends EnginePlace {
  /** The path that names the runtime's store. */
  readonly scope: string;
  readonly locks: EnginePlace["locks"] & VisibleLocks;
  /** Computes in this service worker. */
  readonly here: EngineHost;
  readonly lend: LendEngine;
}

/**
 * The engine host of a service worker: what takes long is computed in a worker that a page lends, as far as there is one, because a
 * service worker that computes answers nothing else, not even for the pictures of its pages. And a browser stops a service worker
 * whenever it is idle, not so its pages: the next one takes over what is loaded there.
 */
export function createPlacedEngineHost(options: PlacedEngineHostOptions): EngineHost {
  const host = new ApartEngineHost({ ...options, outlived: options.locks, isApart: ({ inferenceMs }) => isHeavy(inferenceMs) });
  return {
    backends: host.backends,
    load: (model, loading) => host.load(model, loading),
    adopt: (loading) => host.adopt(loading),
    // What is computed in a page's worker needs nothing here, and a service worker that starts has enough to do.
    prepare: async (backend, inferenceMs) => (isHeavy(inferenceMs) ? undefined : host.prepare(backend)),
    wouldMove: (loaded, inferenceMs) => isHeavy(inferenceMs) && !host.isApart(loaded) && host.mayFindPlace,
    close: () => host.close(),
  };
}

function isHeavy(inferenceMs: number | undefined): boolean {
  return inferenceMs !== undefined && inferenceMs > LIMITS.heavyInferenceMs;
}
