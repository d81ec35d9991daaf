import { randomFillSync } from "node:crypto";
import type { AshoreError } from "../protocol/errors.ts";
import { createRuntime, type FetchPort, type Ports, type Runtime, type RuntimeEvent, type RuntimeOptions } from "../runtime/index.ts";
import { createThreadedEngineHost } from "./engine-host.ts";
import { createImageThread } from "./image-thread.ts";
import { nodeClock } from "./node-clock.ts";
import { openFileStores } from "./stores.ts";

export interface EdgeRuntimeOptions extends Omit<RuntimeOptions, "ports" | "trust"> {
  /** Where this device keeps what it holds; one process at a time works in it. Made where it is missing. */
  readonly dataDir: string;
  /** Another folder of blobs (`sha256/<hex>` under it), shared with a sync server; nothing is deleted from it. Default: one under `dataDir`. */
  readonly blobsDir?: string | undefined;
  /** Default: the platform's. A server that hosts its own runtime passes its app, and needs no socket. */
  readonly fetch?: FetchPort | undefined;
  readonly report?: ((event: RuntimeEvent) => void) | undefined;
  /** The data folder was taken from this process, and nothing may be written any more: stop. */
  readonly onLost?: ((error: AshoreError) => void) | undefined;
  /** What an engine thread writes to its standard output or error, line by line. */
  readonly onEngineOutput?: ((line: string) => void) | undefined;
  /** Ports in place of Node's own. */
  readonly ports?: Partial<Omit<Ports, "report" | "fetch">> | undefined;
}

export interface EdgeRuntime {
  readonly runtime: Runtime;
  /** Lets requests under way end (for `drainMs` at most), frees engine and stores, and lets another process have the folder. */
  close(options?: { readonly drainMs?: number | undefined }): Promise<void>;
}

/**
 * A runtime in Node, without a socket: file stores, an engine thread for each servable.
 * @throws STORE_LOCKED where another process works in `dataDir`; STORE_FULL, STORE_FAILED
 */
export async function createEdgeRuntime({ dataDir, blobsDir, fetch = (url, init) => globalThis.fetch(url, init), report = () => undefined, onLost, onEngineOutput, ports, ...options }: EdgeRuntimeOptions): Promise<EdgeRuntime> {
  const lost = (error: AshoreError): void => {
    report({ type: "problem", error });
    onLost?.(error);
  };
  const stores = await openFileStores({ folder: dataDir, sharedBlobs: blobsDir, report, onLost: lost });
  const images = createImageThread();
  try {
    const runtime = await createRuntime({
      ...options,
      ports: {
        fetch,
        clock: nodeClock,
        random: (count) => randomFillSync(new Uint8Array(count)),
        blobs: stores.blobs,
        journal: stores.journal,
        metadata: stores.metadata,
        prepareImage: images.prepareImage,
        engine: ports?.engine ?? createThreadedEngineHost({ log: onEngineOutput }),
        ...ports,
        report,
      },
    });
    return {
      runtime,
      close: async (how) => {
        await runtime.close(how);
        await images.close();
        await stores.close();
      },
    };
  } catch (thrown) {
    await stores.close();
    throw thrown;
  }
}
