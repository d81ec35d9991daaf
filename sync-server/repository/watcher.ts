import { LIMITS } from "../../protocol/limits.ts";
import type { ModelName } from "../../protocol/names.ts";
import type { Clock, WithSignal } from "../ports.ts";
import { createGate } from "./gate.ts";
import { ModelWatch } from "./model-watch.ts";
import type { RepositoryEvent, RepositoryPublisher, RepositoryStatus, WatchedModel } from "./ports.ts";

export interface RepositoryWatcherOptions {
  readonly models: readonly WatchedModel[];
  readonly publisher: RepositoryPublisher;
  readonly clock: Clock;
  /** Called for each event, also for each distinct problem once; must not throw. */
  readonly report: (event: RepositoryEvent) => void;
  /** Seconds between polls (TensorFlow Serving's `--file_system_poll_wait_seconds`): 0 looks once and takes folders as they stand, less never looks. Default 1. */
  readonly pollSeconds?: number | undefined;
}

export interface RepositoryWatcher {
  /**
   * Polls until the signal is aborted (or once, with `pollSeconds` 0), then resolves after what was under way has ended. One
   * model's trouble never stops another's.
   */
  run(options: { readonly signal: AbortSignal }): Promise<void>;
  /** One look at every model. */
  poll(options?: WithSignal): Promise<void>;
  /**
   * The whole list of models from now on: others are watched no more, and what came from repositories that are not in the list is
   * taken from devices. Resolves when that is signed; what is new is published meanwhile. @throws what signing throws
   */
  setModels(models: readonly WatchedModel[], options?: WithSignal): Promise<void>;
  status(): ReadonlyMap<ModelName, RepositoryStatus>;
}

/** Watches model repositories for versions to publish, with TensorFlow Serving's rules (DESIGN section 4.2, watch mode). */
export function createRepositoryWatcher({ models, publisher, clock, report, pollSeconds = 1 }: RepositoryWatcherOptions): RepositoryWatcher {
  const gate = createGate(LIMITS.importsAtATime);
  const pollMs = pollSeconds * 1000;
  const watches = new Map<ModelName, Watching>();
  /** Of `run`, while it runs. */
  let running: AbortSignal | undefined;

  function begin(model: WatchedModel): void {
    const watching = new Watching(new ModelWatch(model, { publisher, clock, report, gate }), { pollMs, clock });
    watches.set(model.name, watching);
    if (running !== undefined) watching.begin(running);
  }

  async function ended(): Promise<void> {
    await Promise.all([...watches.values()].map((watching) => watching.ended));
  }

  for (const model of models) begin(model);
  return {
    async run({ signal }) {
      if (pollSeconds < 0) return;
      running = signal;
      for (const watching of watches.values()) watching.begin(signal);
      // Models may be added as long as there is polling.
      if (pollMs > 0) await aborted(signal);
      await ended();
    },
    async poll({ signal } = {}) {
      await Promise.all([...watches.values()].map(({ watch }) => watch.poll({ pollMs, signal })));
    },
    async setModels(next, options = {}) {
      const listed = new Map(next.map((model) => [model.name, model]));
      const gone = [...watches].filter(([name, { watch }]) => listed.get(name)?.basePath !== watch.model.basePath);
      for (const [name] of gone) watches.delete(name);
      await Promise.all(gone.map(([, watching]) => watching.end()));
      for (const model of next) {
        const watching = watches.get(model.name);
        if (watching === undefined) {
          begin(model);
          continue;
        }
        watching.watch.configure(model);
        if (pollMs === 0 && running !== undefined) watching.begin(running);
      }
      for (const model of await publisher.retireOthers(new Set(listed.keys()), options)) report({ type: "retired", model });
    },
    status: () => new Map([...watches].map(([name, { watch }]) => [name, watch.status])),
  };
}

/** One model's watch, and its polling. */
class Watching {
  readonly watch: ModelWatch;
  /** Resolves when the polls that were begun are over. */
  ended: Promise<void> = Promise.resolve();
  readonly #pollMs: number;
  readonly #clock: Clock;
  readonly #ending = new AbortController();

  constructor(watch: ModelWatch, { pollMs, clock }: { readonly pollMs: number; readonly clock: Clock }) {
    this.watch = watch;
    this.#pollMs = pollMs;
    this.#clock = clock;
  }

  begin(signal: AbortSignal): void {
    const either = AbortSignal.any([signal, this.#ending.signal]);
    this.ended = this.ended.then(() => this.#untilAborted(either));
  }

  async end(): Promise<void> {
    this.#ending.abort();
    await this.ended;
  }

  async #untilAborted(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        await this.watch.poll({ pollMs: this.#pollMs, signal });
        if (this.#pollMs <= 0) return;
        await this.#clock.sleep(this.#pollMs, { signal });
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
