import type { CancelSignal } from "../protocol/cancel-signal.ts";
import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { NamedTensors } from "../protocol/tensor.ts";

/** So many are with the worker at a time: it need not wait for the next, and what waits here is aborted without asking it. */
const AT_ONCE = 2;

export interface EngineRun {
  readonly id: number;
  readonly feeds: NamedTensors;
  readonly fetches: readonly string[];
}

interface Pending extends EngineRun {
  readonly resolve: (answers: NamedTensors) => void;
  readonly reject: (reason: AshoreError) => void;
}

export interface RunPort {
  post(run: EngineRun): void;
  cancel(id: number): void;
}

/** The requests of one engine behind a port. */
export class EngineRuns {
  readonly #port: RunPort;
  readonly #limit: number;
  readonly #waiting = new Set<Pending>();
  /** With the worker, those that nobody waits for any more among them. */
  readonly #posted = new Map<number, Pending>();
  #ids = 0;
  #ended: AshoreError | undefined;

  constructor(port: RunPort, limit: number = LIMITS.queuedRequests) {
    this.#port = port;
    this.#limit = limit;
  }

  /** @throws INVALID_ARGUMENT; UNAVAILABLE when too many wait; CANCELLED, DEADLINE_EXCEEDED; what `end` said; the engine's error */
  run(feeds: NamedTensors, fetches: readonly string[], signal?: CancelSignal): Promise<NamedTensors> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw this.#ended;
      if (signal?.aborted) throw asAshoreError(signal.reason);
      if (this.#waiting.size >= this.#limit) {
        throw new AshoreError("UNAVAILABLE", `${this.#limit} requests already wait for the engine. Ask again later, or ask less often.`);
      }
      const settled = <T>(settle: (value: T) => void) => (value: T): void => {
        signal?.removeEventListener("abort", abort);
        settle(value);
      };
      const pending: Pending = { id: ++this.#ids, feeds, fetches, resolve: settled(resolve), reject: settled(reject) };
      const abort = (): void => {
        pending.reject(asAshoreError(signal?.reason));
        if (!this.#waiting.delete(pending)) this.#port.cancel(pending.id);
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.add(pending);
      this.#flush();
    });
  }

  /** Whether the engine has something to compute. */
  get isBusy(): boolean {
    return this.#posted.size > 0;
  }

  /** The engine's answer to a run. */
  settle(id: number, outcome: NamedTensors | AshoreError): void {
    const pending = this.#posted.get(id);
    if (!this.#posted.delete(id)) return;
    if (outcome instanceof AshoreError) pending?.reject(outcome);
    else pending?.resolve(outcome);
    this.#flush();
  }

  /** Rejects all requests, now and later. */
  end(reason: AshoreError): void {
    this.#ended ??= reason;
    const pending = [...this.#posted.values(), ...this.#waiting];
    this.#posted.clear();
    this.#waiting.clear();
    for (const { reject } of pending) reject(this.#ended);
  }

  #flush(): void {
    for (const pending of this.#waiting) {
      if (this.#posted.size >= AT_ONCE) return;
      this.#waiting.delete(pending);
      try {
        this.#port.post(pending);
        this.#posted.set(pending.id, pending);
      } catch (thrown) {
        pending.reject(asAshoreError(thrown));
      }
    }
  }
}
