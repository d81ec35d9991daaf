import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import type { Clock, Ports, WithSignal } from "./ports.ts";
import { nextPollDelay, unitRandom } from "./sync/index.ts";
import { HttpStatusError } from "./trust/index.ts";

export interface PollerOptions extends Pick<Ports, "random"> {
  readonly clock: Clock;
  /** One look for news. Its signal is aborted by `close`. */
  readonly cycle: (signal: AbortSignal) => Promise<void>;
  readonly pollSeconds: () => number;
}

/**
 * Runs cycles: one at a time, on its own schedule and when asked. Who asks while one runs gets the next one, since news may
 * have come after the running one looked; all who ask meanwhile share it.
 */
export class Poller {
  readonly #options: PollerOptions;
  readonly #closing = new AbortController();
  #wake = new AbortController();
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #schedule: Promise<void> | undefined;
  #failures = 0;
  #retryAfterMs: number | undefined;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** The cycle under way; rejects with what it rejects with, but who does not listen need not care. */
  get running(): Promise<void> | undefined {
    return this.#running;
  }

  /** A cycle that begins now or when the running one is over. Rejects with what it rejects with; `signal` ends the wait alone. */
  async run({ signal }: WithSignal = {}): Promise<void> {
    if (signal?.aborted === true) throw asAshoreError(signal.reason, "CANCELLED");
    const begin = (): Promise<void> => this.#begin();
    const cycle = this.#running === undefined ? begin() : (this.#next ??= this.#running.then(begin, begin));
    if (signal === undefined) return await cycle;
    let leave: () => void = () => undefined;
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(asAshoreError(signal.reason, "CANCELLED"));
      signal.addEventListener("abort", leave, { once: true });
    });
    try {
      await Promise.race([cycle, left]);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Runs cycles on schedule from now on: jittered, later after failures, and no sooner than the server asks. */
  start(): void {
    this.#schedule ??= this.#poll();
  }

  /** Ends the wait before the next scheduled cycle. */
  wake(): void {
    this.#wake.abort();
  }

  /** Ends the cycle under way and all to come; resolves when it has. */
  async close(): Promise<void> {
    this.#closing.abort(new AshoreError("CANCELLED", "The runtime was closed."));
    await this.#schedule;
    while (this.#running !== undefined) await this.#running.catch(() => undefined);
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    const running = this.#counted().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    // Who asked may have left by the time that it fails; the cycle itself tells what went wrong.
    running.catch(() => undefined);
    return running;
  }

  async #counted(): Promise<void> {
    this.signal.throwIfAborted();
    try {
      await this.#options.cycle(this.signal);
      this.#failures = 0;
      this.#retryAfterMs = undefined;
    } catch (thrown) {
      this.#failures++;
      this.#retryAfterMs = thrown instanceof HttpStatusError ? thrown.retryAfterMs : undefined;
      throw thrown;
    }
  }

  async #poll(): Promise<void> {
    const { clock, random, pollSeconds } = this.#options;
    while (!this.signal.aborted) {
      const delay = nextPollDelay({ pollSeconds: pollSeconds(), failures: this.#failures, retryAfterMs: this.#retryAfterMs, random: unitRandom(random) });
      await clock.sleep(delay, { signal: AbortSignal.any([this.signal, this.#wake.signal]) }).catch(() => undefined);
      this.#wake = new AbortController();
      if (!this.signal.aborted) await this.run().catch(() => undefined);
    }
  }
}
