import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { NamedTensors } from "../protocol/tensor.ts";
import { abandonBackend, startedBackend, useBackend, type BackendProvider } from "./backends.ts";
import type { LoadedGraph } from "./execute.ts";
import { loadGraph } from "./load.ts";
import { EngineQueue, type QueueOptions } from "./queue.ts";
import { standardBackends, type StandardBackendOptions } from "./standard-backends.ts";

export interface InProcessEngineOptions extends StandardBackendOptions {
  /** The backends that this build has, best first. Default: `standardBackends` with these options. */
  readonly providers?: readonly BackendProvider[] | undefined;
  /** Which of them to have, best first. Default: all. */
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

/**
 * An engine host (runtime/ports.ts) that computes in this realm: a service worker, a thread, a test, the publisher.
 * @throws BACKEND_UNAVAILABLE where `backends` names one that is not among the providers
 */
export function createInProcessEngineHost({ providers, backends, ...options }: InProcessEngineOptions = {}): InProcessEngineHost {
  const built = providers ?? standardBackends(options);
  const chosen = backends?.map((name) => {
    const provider = built.find((one) => one.name === name);
    if (provider === undefined) throw new AshoreError("BACKEND_UNAVAILABLE", `This build has no ${name} backend; it has ${built.map((one) => one.name).join(", ")}.`);
    return provider;
  });
  return new InProcessEngineHost(chosen ?? built);
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
    const provider = this.#provider(backend);
    const graph = await queue.run(
      async () => {
        await use(provider);
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

  /**
   * Starts a backend before there is a model for it, so that the two need not wait for each other. Does not reject: whoever loads
   * on a backend that does not start is told.
   */
  async prepare(backend: Backend): Promise<void> {
    await queue.run(() => use(this.#provider(backend)), { bounded: false }).catch(() => {});
  }

  #provider(backend: Backend): BackendProvider {
    const provider = this.#providers.find(({ name }) => name === backend);
    if (provider === undefined) throw new AshoreError("BACKEND_UNAVAILABLE", `This engine has no ${backend} backend; it has ${this.backends.join(", ") || "none"}.`);
    return provider;
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
    this.#refuseIfLost();
    if (this.#closed) throw new AshoreError("CANCELLED", "The model was closed.");
    await use(this.#provider);
    try {
      return await this.#graph.execute(feeds, fetches);
    } catch (thrown) {
      this.#refuseIfLost();
      const error = asAshoreError(thrown);
      if (error.code === "ENGINE_CRASHED") {
        abandonBackend(this.#provider);
        loseModels(this.backend, error);
      }
      throw error;
    }
  }

  #refuseIfLost(): void {
    if (this.#crash !== undefined) throw this.#crash;
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
      await use(this.#provider);
      this.#graph.dispose();
    };
    await queue.run(dispose, { bounded: false });
  }
}

function use(provider: BackendProvider): Promise<void> {
  return useBackend(provider, (reason) => void loseBackend(provider, reason));
}

/**
 * A backend died by itself, perhaps while something computes. Its models are lost at once; the backend is let go in its turn, and
 * with it what was loaded on it meanwhile.
 */
async function loseBackend(provider: BackendProvider, reason: AshoreError): Promise<void> {
  const { name } = provider;
  const dead = startedBackend(name);
  loseModels(name, reason);
  const letGo = (): void => {
    if (startedBackend(name) !== dead) return;
    abandonBackend(provider);
    loseModels(name, reason);
  };
  await queue.run(letGo, { bounded: false });
}

function loseModels(backend: Backend, reason: AshoreError): void {
  for (const model of loaded) if (model.backend === backend) model.lose(reason);
}
