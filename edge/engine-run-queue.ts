import { checkFeed, type EngineTensor, type EngineTensors } from "../engine/feeds.ts";
import type { CancelSignal } from "../protocol/cancel-signal.ts";
import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { NamedTensors } from "../protocol/tensor.ts";
import type { EngineRequest } from "./engine-codec.ts";

/** A message holds about this much work, and two may be under way: the thread never idles, and what waits here can be aborted. */
const MESSAGE_MS = 5;
const REQUESTS_PER_MESSAGE = 64;
/** So many are posted before the turn is over, so that the thread computes while the rest of the turn's requests are read. */
const REQUESTS_AT_ONCE = 4;

interface Pending extends EngineRequest {
  readonly resolve: (answers: NamedTensors) => void;
  readonly reject: (reason: AshoreError) => void;
}

/**
 * The requests of one engine thread. A few at a time are posted together, because a message costs more than a tiny
 * model's computing; no more are posted than the thread has use for.
 */
export class RunQueue {
  readonly #post: (requests: readonly EngineRequest[]) => void;
  readonly #limit: number;
  readonly #waiting = new Set<Pending>();
  /** Posted and not yet answered, in order, aborted ones included. */
  #posted: Pending[] = [];
  #scheduled = false;
  /** Running mean of what one request costs the thread; unknown at first. */
  #requestMs = Number.POSITIVE_INFINITY;
  #ended: AshoreError | undefined;

  constructor(post: (requests: readonly EngineRequest[]) => void, limit: number = LIMITS.queuedRequests) {
    this.#post = post;
    this.#limit = limit;
  }

  /** @throws INVALID_ARGUMENT; UNAVAILABLE when too many wait; CANCELLED, DEADLINE_EXCEEDED; what `end` said; the thread's error */
  run(feeds: NamedTensors, fetches: readonly string[], signal?: CancelSignal): Promise<NamedTensors> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw this.#ended;
      if (signal?.aborted) throw asAshoreError(signal.reason);
      if (this.#waiting.size >= this.#limit) {
        throw new AshoreError("UNAVAILABLE", `${this.#limit} requests already wait for the engine. Ask again later, or ask less often.`);
      }
      const request = { feeds: checked(feeds), fetches };
      const pending = signal === undefined ? { feeds: request.feeds, fetches, resolve, reject } : this.#abortable(request, resolve, reject, signal);
      this.#waiting.add(pending);
      if (this.#waiting.size >= REQUESTS_AT_ONCE) this.#flush();
      else this.#schedule();
    });
  }

  /**
   * The thread's answers to the oldest requests, and how long it computed for them; ignored once all was ended.
   * @throws INTERNAL for more answers than requests
   */
  settle(answers: Iterable<readonly EngineTensor[] | AshoreError>, busyMs: number): void {
    // Under way when the thread was ended: who asked has been told, and nobody waits.
    if (this.#ended !== undefined) return;
    let count = 0;
    for (const answer of answers) {
      const pending = this.#posted[count++];
      if (pending === undefined) throw new AshoreError("INTERNAL", "The engine thread answered what it was not asked.");
      if (answer instanceof AshoreError) pending.reject(answer);
      else pending.resolve(named(pending.fetches, answer));
    }
    if (count === 0) return;
    this.#posted = this.#posted.slice(count);
    const each = busyMs / count;
    this.#requestMs = Number.isFinite(this.#requestMs) ? 0.8 * this.#requestMs + 0.2 * each : each;
    if (this.#waiting.size > 0) this.#schedule();
  }

  /** Rejects all requests, now and later. */
  end(reason: AshoreError): void {
    this.#ended ??= reason;
    const pending = [...this.#posted, ...this.#waiting];
    this.#posted = [];
    this.#waiting.clear();
    for (const { reject } of pending) reject(this.#ended);
  }

  #abortable(request: EngineRequest, resolve: Pending["resolve"], reject: Pending["reject"], signal: CancelSignal): Pending {
    const abort = (): void => {
      this.#waiting.delete(pending);
      reject(asAshoreError(signal.reason));
    };
    const settled = <T>(settle: (value: T) => void) => (value: T): void => {
      signal.removeEventListener("abort", abort);
      settle(value);
    };
    const pending: Pending = { ...request, resolve: settled(resolve), reject: settled(reject) };
    signal.addEventListener("abort", abort, { once: true });
    return pending;
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
    let room = 2 * size - this.#posted.length;
    const requests: Pending[] = [];
    for (const pending of this.#waiting) {
      if (room-- <= 0) break;
      this.#waiting.delete(pending);
      requests.push(pending);
    }
    if (requests.length === 0) return;
    this.#posted.push(...requests);
    this.#post(requests);
  }
}

function checked(feeds: NamedTensors): EngineTensors {
  const tensors: Record<string, EngineTensor> = {};
  for (const name in feeds) {
    const feed = feeds[name];
    if (feed !== undefined) tensors[name] = checkFeed(name, feed);
  }
  return tensors;
}

function named(names: readonly string[], tensors: readonly EngineTensor[]): NamedTensors {
  const answers: Record<string, EngineTensor> = {};
  for (let i = 0; i < tensors.length; i++) {
    const tensor = tensors[i];
    if (tensor !== undefined) answers[names[i] ?? ""] = tensor;
  }
  return answers;
}
