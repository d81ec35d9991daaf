import { AshoreError } from "../../../protocol/errors.ts";
import type { Backend } from "../../../protocol/manifest.ts";
import type { NamedTensors } from "../../../protocol/tensor.ts";
import type { EngineHost, HostedModel, LoadOptions, ModelBytes } from "../../../runtime/ports.ts";
import { deferred } from "./deferred.ts";

export interface FakeModel extends HostedModel {
  readonly bytes: ModelBytes;
  closed: boolean;
  /** Requests under way. */
  running: number;
  die(code?: "ENGINE_CRASHED" | "ENGINE_GONE"): void;
}

export interface FakeEngine extends EngineHost {
  readonly models: FakeModel[];
}

export interface FakeEngineOptions {
  readonly backends?: readonly Backend[];
  /** Before a load ends; a rejection fails it. */
  readonly onLoad?: (bytes: ModelBytes, options: LoadOptions) => Promise<void>;
  /** Whether what is to be loaded is loaded still, from a life before this one. */
  readonly isLoadedStill?: (options: LoadOptions) => boolean;
  readonly wouldMove?: (loaded: FakeModel, inferenceMs: number) => boolean;
  readonly compute?: (feeds: NamedTensors, fetches: readonly string[], model: FakeModel) => Promise<NamedTensors>;
}

/** An engine without arithmetic: loads when it is told to, answers what it is told to, dies when it is told to. */
export function fakeEngine({ backends = ["wasm", "cpu"], onLoad, compute, wouldMove, isLoadedStill }: FakeEngineOptions = {}): FakeEngine {
  const models: FakeModel[] = [];
  const engine: FakeEngine = {
    backends,
    models,
    ...(wouldMove === undefined ? {} : { wouldMove: (loaded: HostedModel, inferenceMs: number) => models.some((model) => model === loaded && wouldMove(model, inferenceMs)) }),
    load: async (bytes, options) => {
      options.signal?.throwIfAborted();
      await onLoad?.(bytes, options);
      options.signal?.throwIfAborted();
      const lost = deferred<AshoreError>();
      const dead = deferred<never>();
      const model: FakeModel = {
        bytes,
        backend: options.backend,
        lost: lost.promise,
        closed: false,
        running: 0,
        run: async (feeds, fetches, { signal } = {}) => {
          if (signal?.aborted) throw signal.reason as Error;
          if (compute === undefined) return {};
          const aborted = deferred<never>();
          signal?.addEventListener("abort", () => aborted.reject(signal.reason as Error));
          model.running++;
          try {
            return await Promise.race([compute(feeds, fetches, model), dead.promise, aborted.promise]);
          } finally {
            model.running--;
          }
        },
        close: async () => {
          if (model.running > 0) throw new AshoreError("INTERNAL", `A model was closed under ${model.running} requests.`);
          model.closed = true;
        },
        die: (code = "ENGINE_CRASHED") => {
          const reason = new AshoreError(code, "The fake engine died.");
          dead.reject(reason);
          lost.resolve(reason);
        },
      };
      models.push(model);
      return model;
    },
    close: async () => undefined,
  };
  if (isLoadedStill === undefined) return engine;
  return { ...engine, adopt: async (options) => (isLoadedStill(options) ? await engine.load({ graph: new Uint8Array(), index: new Uint8Array(), shards: [] }, options) : undefined) };
}
