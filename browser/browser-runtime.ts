import { createRuntime, type EngineHost, type FetchPort, type Ports, type Runtime, type RuntimeOptions } from "../runtime/index.ts";
import { browserClock } from "./browser-clock.ts";
import type { BrowserStores } from "./browser-stores.ts";
import { prepareImage } from "./prepare-image.ts";

export interface BrowserRuntimeOptions extends Omit<RuntimeOptions, "ports" | "polling" | "warmUp" | "trust"> {
  readonly stores: Pick<BrowserStores, "blobs" | "journal" | "metadata">;
  readonly engine: EngineHost;
  readonly report: Ports["report"];
  /** Default: the worker's own, which passes no fetch handler. */
  readonly fetch?: FetchPort | undefined;
}

/**
 * A runtime over a browser's stores. It looks for news when asked, since the page owns the timers; and what was proved on this
 * device before is not warmed up again, since its first request does that.
 * @throws STORE_FAILED
 */
export function createBrowserRuntime({ stores, engine, report, fetch = (url, init) => globalThis.fetch(url, init), ...options }: BrowserRuntimeOptions): Promise<Runtime> {
  return createRuntime({
    ...options,
    polling: "host",
    warmUp: "unproved",
    ports: {
      fetch,
      clock: browserClock,
      random: (count) => crypto.getRandomValues(new Uint8Array(count)),
      blobs: stores.blobs,
      journal: stores.journal,
      metadata: stores.metadata,
      engine,
      prepareImage,
      report,
    },
  });
}
