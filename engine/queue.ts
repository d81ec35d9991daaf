import type { CancelSignal } from "../protocol/cancel-signal.ts";
import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";

export interface QueueOptions {
  readonly signal?: CancelSignal | undefined;
}

export interface TaskOptions extends QueueOptions {
  /** False for what must have its turn however many wait (loading, closing). Default: true. */
  readonly bounded?: boolean | undefined;
}

interface Waiting {
  readonly start: () => void;
}

/**
 * One thing at a time, in order. TF.js's backend is a global of the realm, so that switching to a backend and computing with
 * it, `executeAsync` included, must be one critical section: every use of TF.js in a realm goes through one queue.
 */
export class EngineQueue {
  readonly #limit: number;
  readonly #waiting = new Set<Waiting>();
  #busy = false;

  constructor(limit: number = LIMITS.queuedRequests) {
    this.#limit = limit;
  }

  /**
   * Runs `task` when all that came before it have settled; at once, and synchronously, if nothing did.
   * @throws UNAVAILABLE when too many wait; CANCELLED or DEADLINE_EXCEEDED when the signal ends the wait
   */
  run<T>(task: () => T | PromiseLike<T>, { signal, bounded = true }: TaskOptions = {}): Promise<T> {
    if (signal?.aborted) return Promise.reject(asAshoreError(signal.reason));
    if (!this.#busy) return this.#start(task);
    if (bounded && this.#waiting.size >= this.#limit) {
      return Promise.reject(
        new AshoreError("UNAVAILABLE", `${this.#limit} requests already wait for the engine. Ask again later, or ask less often.`),
      );
    }
    return new Promise<T>((resolve, reject) => {
      const waiting: Waiting = {
        start: () => {
          signal?.removeEventListener("abort", abort);
          resolve(this.#start(task));
        },
      };
      const abort = (): void => {
        this.#waiting.delete(waiting);
        reject(asAshoreError(signal?.reason));
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.add(waiting);
    });
  }

  async #start<T>(task: () => T | PromiseLike<T>): Promise<T> {
    this.#busy = true;
    try {
      return await task();
    } finally {
      this.#busy = false;
      const [next] = this.#waiting;
      if (next !== undefined) {
        this.#waiting.delete(next);
        next.start();
      }
    }
  }
}
