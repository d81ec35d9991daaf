import type { BatchingParameters } from "../protocol/batching.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { Fallback } from "../protocol/messages.ts";
import { modelName } from "../protocol/names.ts";
import type { RestDialect } from "../protocol/rest/index.ts";
import { createBatching } from "../runtime/index.ts";
import { startWorker } from "./worker.ts";

declare const self: ServiceWorkerGlobalScope;

export interface ServeOptions extends RestDialect {
  /** The sync server's base URL. Default: what pages say when they connect. */
  readonly server?: string | URL | undefined;
  /** Which models to hold; pages may add others when they connect. Default: what they say. */
  readonly models?: readonly string[] | "all" | undefined;
  /** The server's root metadata, to begin to trust with. Default: the first that the server shows is pinned. */
  readonly root?: Uint8Array<ArrayBuffer> | undefined;
  /** Which backends may be used, best first. Default: what pages say, else all. */
  readonly backends?: readonly Backend[] | undefined;
  /** `server`: what this device cannot answer yet, the server is asked; one of another origin must allow that (`--rest_api_enable_cors_support`). Default: what pages say, else `none`. */
  readonly fallback?: Fallback | undefined;
  /** Computes requests that wait together, with what is said here besides TensorFlow Serving's defaults. Default: each by itself. */
  readonly batching?: Partial<BatchingParameters> | undefined;
  /**
   * `network`: the browser gets everything but `/v1` and `/v2` from the network without asking this worker, so that nothing waits
   * while it computes. Only for a worker without any other fetch handler, which would hear of nothing any more. Default `none`.
   */
  readonly staticRoutes?: "network" | "none" | undefined;
}

/**
 * Answers TensorFlow Serving's REST API and `connect()` of pages in a service worker of your own, beside Workbox or any other
 * fetch handler: requests to `/v1` for its models, on the worker's own origin, are answered by the device; no other is touched. Call it
 * while the script is first evaluated.
 * @throws NAME_INVALID, CONFIG_INVALID (`batching`); TypeError for a `server` that is no URL
 */
export function serve({ server, models, root, backends, fallback, batching, strictJson, extendedDtypes, staticRoutes = "none" }: ServeOptions = {}): void {
  startWorker(self, {
    given: {
      server: server === undefined ? undefined : new URL(server, self.location.href).href,
      models: models === undefined || models === "all" ? models : models.map(modelName),
      backends,
      fallback,
    },
    root,
    batching: batching && createBatching(batching),
    dialect: { strictJson, extendedDtypes },
    routes: staticRoutes === "network" ? "network" : undefined,
  });
}
