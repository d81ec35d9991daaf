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
  status(): ReadonlyMap<ModelName, RepositoryStatus>;
}

/** Watches model repositories for versions to publish, with TensorFlow Serving's rules (DESIGN section 4.2, watch mode). */
export function createRepositoryWatcher({ models, publisher, clock, report, pollSeconds = 1 }: RepositoryWatcherOptions): RepositoryWatcher {
  const gate = createGate(LIMITS.importsAtATime);
  const pollMs = pollSeconds * 1000;
  const watches = new Map(models.map((model) => [model.name, new ModelWatch(model, { publisher, clock, report, gate })]));
  return {
    async run({ signal }) {
      if (pollSeconds < 0) return;
      await Promise.all([...watches.values()].map((watch) => untilAborted(watch, pollMs, clock, signal)));
    },
    async poll({ signal } = {}) {
      await Promise.all([...watches.values()].map((watch) => watch.poll({ pollMs, signal })));
    },
    status: () => new Map([...watches].map(([name, watch]) => [name, watch.status])),
  };
}

async function untilAborted(watch: ModelWatch, pollMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  try {
    do {
      await watch.poll({ pollMs, signal });
      if (pollMs > 0) await clock.sleep(pollMs, { signal });
    } while (pollMs > 0 && !signal.aborted);
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}
