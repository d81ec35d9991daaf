import { asAshoreError, AshoreError, fromWireError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { NamedTensors } from "../protocol/tensor.ts";
import type { RunAnswer, RunRequest } from "./engine-messages.ts";

/** A message holds about this much work, and two may be under way: the thread never idles, and what waits here can be aborted. */
const MESSAGE_MS = 5;
const REQUESTS_PER_MESSAGE = 64;

interface Pending extends RunRequest {
  readonly resolve: (answers: NamedTensors) => void;
  readonly reject: (reason: AshoreError) => void;
}

/**
 * The requests of one engine thread. Those of one turn of the event loop are posted together, because a message costs more
 * than a tiny model's computing; no more are posted than the thread has use for.
 */
export class RunQueue {
  readonly #post: (requests: readonly RunRequest[]) => void;
  readonly #limit: number;
  readonly #waiting = new Map<number, Pending>();
  readonly #posted = new Map<number, Pending>();
  #nextId = 0;
  /** Posted and not yet answered, aborted ones included. */
  #underWay = 0;
  #scheduled = false;
  /** Running mean of what one request costs the thread; unknown at first. */
  #requestMs = Number.POSITIVE_INFINITY;
  #ended: AshoreError | undefined;

  constructor(post: (requests: readonly RunRequest[]) => void, limit: number = LIMITS.queuedRequests) {
    this.#post = post;
    this.#limit = limit;
  }

  /** @throws UNAVAILABLE when too many wait; CANCELLED or DEADLINE_EXCEEDED; whatever `end` said; the thread's error */
  run(feeds: NamedTensors, fetches: readonly string[], signal?: AbortSignal): Promise<NamedTensors> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      if (signal?.aborted) {
        reject(asAshoreError(signal.reason));
        return;
      }
      if (this.#waiting.size >= this.#limit) {
        reject(new AshoreError("UNAVAILABLE", `${this.#limit} requests already wait for the engine. Ask again later, or ask less often.`));
        return;
      }
      const id = this.#nextId++;
      if (signal === undefined) {
        this.#waiting.set(id, { id, feeds, fetches, resolve, reject });
      } else {
        const abort = (): void => {
          this.#waiting.delete(id);
          this.#posted.delete(id);
          reject(asAshoreError(signal.reason));
        };
        const settled = <T>(settle: (value: T) => void) => (value: T): void => {
          signal.removeEventListener("abort", abort);
          settle(value);
        };
        signal.addEventListener("abort", abort, { once: true });
        this.#waiting.set(id, { id, feeds, fetches, resolve: settled(resolve), reject: settled(reject) });
      }
      this.#schedule();
    });
  }

  /** The thread's answers, and how long it computed for them. */
  settle(answers: readonly RunAnswer[], busyMs: number): void {
    if (answers.length === 0) return;
    this.#underWay -= answers.length;
    const each = busyMs / answers.length;
    this.#requestMs = Number.isFinite(this.#requestMs) ? 0.8 * this.#requestMs + 0.2 * each : each;
    for (const answer of answers) {
      const pending = this.#posted.get(answer.id);
      if (pending === undefined) continue;
      this.#posted.delete(answer.id);
      if ("error" in answer) pending.reject(fromWireError(answer.error));
      else pending.resolve(answer.answers);
    }
    if (this.#waiting.size > 0) this.#schedule();
  }

  /** Rejects all requests, now and later. */
  end(reason: AshoreError): void {
    this.#ended ??= reason;
    const pending = [...this.#posted.values(), ...this.#waiting.values()];
    this.#posted.clear();
    this.#waiting.clear();
    for (const { reject } of pending) reject(this.#ended);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After the I/O of this turn: requests of other connections, read in the same turn, travel along.
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const size = Math.min(REQUESTS_PER_MESSAGE, Math.max(1, Math.floor(MESSAGE_MS / this.#requestMs)));
    let room = 2 * size - this.#underWay;
    if (room <= 0 || this.#waiting.size === 0) return;
    const requests: RunRequest[] = [];
    for (const [id, pending] of this.#waiting) {
      if (room-- <= 0) break;
      this.#waiting.delete(id);
      this.#posted.set(id, pending);
      requests.push({ id, feeds: pending.feeds, fetches: pending.fetches });
    }
    this.#underWay += requests.length;
    this.#post(requests);
  }
}
