import type { HostOptions } from "../protocol/messages.ts";
import type { RestDialect } from "../protocol/rest/index.ts";
import type { Batching, EngineHost, Ports } from "../runtime/index.ts";
import { browserClock } from "./browser-clock.ts";
import { createBrowserRuntime } from "./browser-runtime.ts";
import { openBrowserStores, type BrowserStores } from "./browser-stores.ts";
import { encodeImages } from "./encode-images.ts";
import { RuntimeHost, type RuntimeHostOptions } from "./runtime-host.ts";

export interface BrowserHostOptions extends Pick<RuntimeHostOptions<BrowserStores>, "host" | "scope" | "keepsSite" | "given" | "tell"> {
  /** `wait` where the one that holds the stores now is about to go; `if-available` to work without writing meanwhile. */
  readonly lock: "wait" | "if-available";
  /** Root metadata that came with the script. */
  readonly root?: Uint8Array<ArrayBuffer> | undefined;
  readonly batching?: Batching | undefined;
  readonly dialect?: RestDialect | undefined;
  /** Makes what computes. */
  readonly engine: (options: Pick<HostOptions, "server" | "backends"> & Pick<Ports, "report">) => EngineHost;
}

/** A runtime's host over this browser's stores and clock. */
export function createBrowserHost({ lock, root, batching, dialect, engine, ...options }: BrowserHostOptions): RuntimeHost<BrowserStores> {
  return new RuntimeHost({
    ...options,
    clock: browserClock,
    encodeInput: encodeImages,
    openStore: (report) => openBrowserStores({ scope: options.scope, lock, report }),
    createRuntime: ({ store, backends, ...more }) => createBrowserRuntime({ ...more, root, batching, dialect, stores: store, engine: engine({ server: more.server, backends, report: more.report }) }),
  });
}
