import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { NamedTensors } from "../protocol/tensor.ts";
import { abandonBackend, standardBackends, useBackend, type BackendOptions, type BackendProvider } from "./backends.ts";
import type { LoadedGraph } from "./execute.ts";
import { loadGraph } from "./load.ts";
import { EngineQueue, type QueueOptions } from "./queue.ts";

export interface InProcessEngineOptions extends BackendOptions {
  /** Which backends to have, best first. Default: wasm, cpu. */
  readonly backends?: readonly Backend[] | undefined;
}

/** A variant's verified bytes. */
export interface VariantBytes {
  readonly graph: Uint8Array<ArrayBuffer>;
  readonly index: Uint8Array<ArrayBuffer>;
  readonly shards: readonly Uint8Array<ArrayBuffer>[];
}

/** TF.js is one engine to a realm: whatever hosts there are in it share the queue. */
const queue = new EngineQueue();
/** And a backend that crashes takes with it what any of them has loaded on it. */
const loaded = new Set<InProcessModel>();

/** An engine host (runtime/ports.ts) that computes in this realm: a service worker, a thread, a test, the publisher. */
export function createInProcessEngineHost({ backends = ["wasm", "cpu"], ...options }: InProcessEngineOptions = {}): InProcessEngineHost {
  const standard = standardBackends(options);
  const providers = backends.map((name) => {
    const provider = standard.find((one) => one.name === name);
    if (provider === undefined) throw new AshoreError("BACKEND_UNAVAILABLE", `This build has no ${name} backend; it has ${standard.map((one) => one.name).join(", ")}.`);
    return provider;
  });
  return new InProcessEngineHost(providers);
}

export class InProcessEngineHost {
  readonly backends: readonly Backend[];
  readonly #providers: readonly BackendProvider[];
  readonly #models = new Set<InProcessModel>();

  constructor(providers: readonly BackendProvider[]) {
    this.#providers = providers;
    this.backends = providers.map(({ name }) => name);
  }

  /** @throws BACKEND_UNAVAILABLE, MODEL_MALFORMED, MODEL_UNSUPPORTED_OP, ENGINE_CRASHED, CANCELLED */
  async load(bytes: VariantBytes, { backend, signal }: QueueOptions & { readonly backend: Backend }): Promise<InProcessModel> {
    const provider = this.#providers.find(({ name }) => name === backend);
    if (provider === undefined) throw new AshoreError("BACKEND_UNAVAILABLE", `This engine has no ${backend} backend; it has ${this.backends.join(", ") || "none"}.`);
    const graph = await queue.run(
      async () => {
        await useBackend(provider);
        if (signal?.aborted) throw asAshoreError(signal.reason);
        return loadGraph({ ...bytes, shards: [...bytes.shards] }, provider);
      },
      { signal, bounded: false },
    );
    const model = new InProcessModel(graph, provider, () => {
      this.#models.delete(model);
      loaded.delete(model);
    });
    this.#models.add(model);
    loaded.add(model);
    return model;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#models].map((model) => model.close()));
  }
}

export class InProcessModel {
  readonly backend: Backend;
  readonly lost: Promise<AshoreError>;
  readonly #graph: LoadedGraph;
  readonly #provider: BackendProvider;
  readonly #onClose: () => void;
  #resolveLost: (reason: AshoreError) => void = () => {};
  #crash: AshoreError | undefined;
  #closed = false;

  constructor(graph: LoadedGraph, provider: BackendProvider, onClose: () => void) {
    this.backend = graph.backend;
    this.#graph = graph;
    this.#provider = provider;
    this.#onClose = onClose;
    this.lost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
  }

  /** @throws INVALID_ARGUMENT, MODEL_UNSUPPORTED_OP, ENGINE_CRASHED, UNAVAILABLE, CANCELLED, DEADLINE_EXCEEDED */
  run(feeds: NamedTensors, fetches: readonly string[], { signal }: QueueOptions = {}): Promise<NamedTensors> {
    return queue.run(() => this.#compute(feeds, fetches), { signal });
  }

  async #compute(feeds: NamedTensors, fetches: readonly string[]): Promise<NamedTensors> {
    if (this.#crash !== undefined) throw this.#crash;
    if (this.#closed) throw new AshoreError("CANCELLED", "The model was closed.");
    await useBackend(this.#provider);
    try {
      return await this.#graph.execute(feeds, fetches);
    } catch (thrown) {
      const error = asAshoreError(thrown);
      if (error.code === "ENGINE_CRASHED") loseAll(this.backend, error);
      throw error;
    }
  }

  /** Says that what this model was computed with is gone. */
  lose(reason: AshoreError): void {
    this.#crash ??= reason;
    this.#resolveLost(reason);
  }

  /** Gives the tensors back to the backend. A WebAssembly heap keeps its size: only the end of its realm frees it. */
  async close(): Promise<void> {
    this.#onClose();
    const dispose = async (): Promise<void> => {
      if (this.#closed) return;
      this.#closed = true;
      if (this.#crash !== undefined) return;
      await useBackend(this.#provider);
      this.#graph.dispose();
    };
    await queue.run(dispose, { bounded: false });
  }
}

function loseAll(backend: Backend, reason: AshoreError): void {
  abandonBackend(backend);
  for (const model of loaded) if (model.backend === backend) model.lose(reason);
}
