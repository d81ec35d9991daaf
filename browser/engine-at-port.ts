import { asAshoreError, AshoreError, fromWireError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { NamedTensors } from "../protocol/tensor.ts";
import type { HostedModel, ModelBytes, RunOptions, WithSignal } from "../runtime/ports.ts";
import { packFeeds, packModel } from "./engine-bytes.ts";
import { readFromEngine, type FromEngine, type ToEngine } from "./engine-messages.ts";
import { hearDeath, type EnginePlace, type EnginePort } from "./engine-ports.ts";
import { EngineRuns } from "./engine-runs.ts";
import { within } from "./within.ts";

type Here = Extract<FromEngine, { type: "here" }>;

export interface LoadAtPortOptions extends WithSignal {
  readonly backend: Backend;
  /** The name of what is loaded, where the worker is to keep it for the next life of this runtime. */
  readonly engine?: string | undefined;
  /** The bytes are copied, not moved, for the case that the worker's tab goes before it has them. Default: false. */
  readonly keep?: boolean | undefined;
}

export interface AdoptAtPortOptions extends WithSignal {
  readonly backend: Backend;
  readonly engine: string;
}

/**
 * Loads a model in the worker that is behind a port, and gives its handle. Where that fails, or is aborted, the worker is told to end.
 * @throws WORKER_FAILED where no worker says that it is there within LIMITS.workerTakesMs; what its script and its engine throw;
 * ENGINE_CRASHED, ENGINE_GONE, CANCELLED
 */
export function loadAtPort(port: EnginePort, bytes: ModelBytes, options: LoadAtPortOptions, place: EnginePlace): Promise<EngineAtPort> {
  return begin(new EngineAtPort(port, options.backend, place), (engine) => engine.load(bytes, options), options);
}

/**
 * The handle of a model that the worker behind a port has loaded already, by its name. Any other worker is told to end.
 * @throws WORKER_FAILED where no worker says that it is there within LIMITS.workerTakesMs, or has another model; ENGINE_CRASHED,
 * CANCELLED
 */
export function adoptAtPort(port: EnginePort, options: AdoptAtPortOptions, place: EnginePlace): Promise<EngineAtPort> {
  return begin(new EngineAtPort(port, options.backend, place), (engine) => engine.adopt(options), options);
}

async function begin(engine: EngineAtPort, beginning: (engine: EngineAtPort) => Promise<void>, { signal }: WithSignal): Promise<EngineAtPort> {
  const abort = (): void => engine.end(asAshoreError(signal?.reason));
  if (signal?.aborted === true) abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await beginning(engine);
    return engine;
  } catch (thrown) {
    const error = asAshoreError(thrown);
    engine.end(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** A model whose computing is done behind a port: in a worker that a page lends, or one of this worker's own. */
export class EngineAtPort implements HostedModel {
  readonly lost: Promise<AshoreError>;
  /** Resolves when nothing can be asked of it any more: it was closed, or is lost. */
  readonly ended: Promise<void>;
  readonly #port: EnginePort;
  readonly #place: EnginePlace;
  readonly #runs: EngineRuns;
  /** What the worker has loaded. */
  readonly #here = deferred<Here["holds"]>();
  readonly #loaded = deferred<void>();
  readonly #lost = deferred<AshoreError>();
  readonly #ended = deferred<void>();
  readonly #listening = new AbortController();
  /** Resolves when the worker is dead; undefined while it has not said that it lives. */
  #dead: Promise<boolean> | undefined;
  #backend: Backend;
  #threads = 1;
  #isLoaded = false;
  #hasAnswered = false;
  #isOver = false;

  constructor(port: EnginePort, backend: Backend, place: EnginePlace) {
    this.#port = port;
    this.#backend = backend;
    this.#place = place;
    this.lost = this.#lost.promise;
    this.ended = this.#ended.promise;
    this.#runs = new EngineRuns({
      post: ({ id, feeds, fetches }) => {
        const { value, transfer } = packFeeds(feeds);
        this.#post({ type: "run", id, feeds: value, fetches: [...fetches] }, transfer);
      },
      cancel: (id) => this.#post({ type: "cancel", id }),
    });
    port.addEventListener("message", ({ data }) => this.#receive(data));
    port.addEventListener("messageerror", () => this.#lose(crashed("a message of its cannot be read")));
    port.start();
  }

  get backend(): Backend {
    return this.#backend;
  }

  /** How many threads compute. */
  get threads(): number {
    return this.#threads;
  }

  async load(bytes: ModelBytes, { backend, engine, keep = false, signal }: LoadAtPortOptions): Promise<void> {
    await this.#arrival(signal);
    const { value, transfer } = packModel(bytes, keep);
    this.#post({ type: "load", backend, graph: value.graph, index: value.index, shards: [...value.shards], engine }, transfer);
    await this.#loaded.promise;
  }

  async adopt({ engine, signal }: AdoptAtPortOptions): Promise<void> {
    const holds = await this.#arrival(signal);
    if (holds?.engine !== engine) throw new AshoreError("WORKER_FAILED", "The worker that was to be taken over has not loaded what it was thought to have.");
    this.#hasLoaded(holds);
    // For the runtime before this one.
    this.#hasAnswered = true;
  }

  run(feeds: NamedTensors, fetches: readonly string[], { signal }: RunOptions = {}): Promise<NamedTensors> {
    return this.#runs.run(feeds, fetches, signal);
  }

  /** Resolves when the worker has ended, and its memory is free, or after LIMITS.drainMs: it may be computing still. */
  async close(): Promise<void> {
    this.end(new AshoreError("CANCELLED", "The model was closed."));
    if (this.#dead !== undefined) await within(LIMITS.drainMs, this.#dead, this.#place.clock);
    this.#listening.abort();
    this.#port.close();
  }

  /** Tells the worker to end; all that is pending is rejected with the reason. */
  end(reason: AshoreError): void {
    this.#here.reject(reason);
    this.#loaded.reject(reason);
    this.#runs.end(reason);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ended.resolve();
    this.#post({ type: "close" });
  }

  async #arrival(signal: AbortSignal | undefined): Promise<Here["holds"]> {
    const here = this.#here.promise;
    if (await within(LIMITS.workerTakesMs, here, this.#place.clock, { signal })) return await here;
    throw new AshoreError("WORKER_FAILED", `The worker that was to compute did not start within ${LIMITS.workerTakesMs} ms: its page is gone or busy, or its script does not come.`);
  }

  #hasLoaded({ backend, threads }: { readonly backend: Backend; readonly threads: number }): void {
    this.#backend = backend;
    this.#threads = threads;
    this.#isLoaded = true;
    this.#loaded.resolve();
  }

  #receive(data: unknown): void {
    let message: FromEngine;
    try {
      message = readFromEngine(data);
    } catch (thrown) {
      this.#lose(crashed("it says what this runtime does not understand", thrown));
      return;
    }
    switch (message.type) {
      case "answer":
        this.#hasAnswered = true;
        this.#runs.settle(message.id, message.answers);
        return;
      case "error":
        this.#runs.settle(message.id, fromWireError(message.error));
        return;
      case "here":
        this.#watch(message.life);
        this.#here.resolve(message.holds);
        return;
      case "loaded":
        this.#hasLoaded(message);
        return;
      case "failed":
        this.#lose(fromWireError(message.error));
    }
  }

  #watch(life: string): void {
    this.#dead = hearDeath(this.#place.locks, life, this.#listening.signal).then((isDead) => {
      if (isDead) this.#lose(this.#hasAnswered || (this.#isLoaded && !this.#runs.isBusy) ? gone() : crashed("its worker is gone, perhaps with its tab"));
      return isDead;
    });
  }

  #lose(reason: AshoreError): void {
    if (!this.#isOver) this.#lost.resolve(reason);
    this.end(reason);
  }

  #post(message: ToEngine, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }
}

/** People close tabs. An engine that took its tab along at its first inference might do it again, and counts as crashed. */
function gone(): AshoreError {
  return new AshoreError("ENGINE_GONE", "The worker that computed is gone with its tab. The model is loaded again elsewhere.");
}

function crashed(why: string, cause?: unknown): AshoreError {
  return new AshoreError("ENGINE_CRASHED", `The engine stopped: ${why}. The model must be loaded again.`, { cause });
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: AshoreError) => void;
}

function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, "promise"> = { resolve() {}, reject() {} };
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  // Told to whoever awaits it; who does not is not told elsewhere.
  promise.catch(() => undefined);
  return { promise, ...settle };
}
