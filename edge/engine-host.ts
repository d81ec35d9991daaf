import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { AshoreError } from "../protocol/errors.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { EngineHost, HostedModel, LoadOptions, ModelBytes } from "../runtime/ports.ts";
import { loadInThread } from "./engine-client.ts";

export interface ThreadedEngineOptions {
  /** The engine thread's script. Default: `engine-thread.js` of this package's build. */
  readonly threadScript?: URL | undefined;
  /** Which backends to have, best first. Default: wasm, cpu. */
  readonly backends?: readonly Backend[] | undefined;
  /** Takes what a thread writes to its standard output or error, line by line. Default: nowhere. */
  readonly log?: ((line: string) => void) | undefined;
}

/**
 * An engine host with a thread for each loaded model: loading and computing never stall the event loop, a crash takes one
 * model, and closing one frees all of its memory (a WebAssembly heap never shrinks).
 */
export function createThreadedEngineHost({
  threadScript = new URL("../dist/engine-thread.js", import.meta.url),
  backends = ["wasm", "cpu"],
  log = () => {},
}: ThreadedEngineOptions = {}): EngineHost {
  const wasmPath = wasmFolder();
  const models = new Set<HostedModel>();
  const closing = new AbortController();
  return {
    backends,
    async load(bytes: ModelBytes, { backend, signal }: LoadOptions): Promise<HostedModel> {
      if (!backends.includes(backend)) {
        throw new AshoreError("BACKEND_UNAVAILABLE", `This engine has no ${backend} backend; it has ${backends.join(", ") || "none"}.`);
      }
      const either = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
      const model = await loadInThread(bytes, backend, { threadScript, wasmPath, log, signal: either, onExit: (ended) => models.delete(ended) });
      models.add(model);
      return model;
    },
    async close(): Promise<void> {
      closing.abort(new AshoreError("CANCELLED", "The engine was closed."));
      await Promise.all([...models].map((model) => model.close()));
    },
  };
}

function wasmFolder(): string {
  const manifest = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json");
  return join(dirname(manifest), "wasm-out") + sep;
}
