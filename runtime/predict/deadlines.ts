import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import type { Clock } from "../ports.ts";

/** The time that one request has; `end` is called exactly once, whatever happened. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Ends the request before its time. */
  readonly cancel: (reason: AshoreError) => void;
  end(): void;
}

/**
 * Deadlines of one length for any number of requests, with one timer among them: they run out in the order in which they
 * began, so only the first is waited for.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #milliseconds: number;
  readonly #open = new Set<OpenDeadline>();
  readonly #closing = new AbortController();
  #isWaiting = false;

  /** @param milliseconds 0 or less for none (TensorFlow Serving, `--rest_api_timeout_in_ms`) */
  constructor(clock: Clock, milliseconds: number) {
    this.#clock = clock;
    this.#milliseconds = milliseconds;
  }

  /** @param caller ends the request too, with its reason */
  begin(caller: AbortSignal | undefined): Deadline {
    const deadline = new OpenDeadline(this.#clock.now() + this.#milliseconds, caller, this.#open);
    if (this.#milliseconds > 0) {
      this.#open.add(deadline);
      if (!this.#isWaiting) void this.#wait();
    }
    return deadline;
  }

  close(): void {
    this.#closing.abort();
  }

  async #wait(): Promise<void> {
    this.#isWaiting = true;
    for (const first of this.#open) {
      const left = first.expires - this.#clock.now();
      // A request that ends meanwhile leaves the set, and the iteration goes on to what began after it.
      if (left > 0) await this.#clock.sleep(left, { signal: this.#closing.signal }).catch(() => undefined);
      if (this.#closing.signal.aborted) break;
      if (this.#open.delete(first)) first.expire(this.#milliseconds);
    }
    this.#isWaiting = false;
  }
}

class OpenDeadline implements Deadline {
  readonly expires: number;
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #open: Set<OpenDeadline>;

  constructor(expires: number, caller: AbortSignal | undefined, open: Set<OpenDeadline>) {
    this.expires = expires;
    this.#caller = caller;
    this.#open = open;
    if (caller?.aborted === true) this.#follow();
    else caller?.addEventListener("abort", this.#follow);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  expire(milliseconds: number): void {
    this.#controller.abort(new AshoreError("DEADLINE_EXCEEDED", `The request did not end within ${milliseconds} ms.`));
  }

  end(): void {
    this.#open.delete(this);
    this.#caller?.removeEventListener("abort", this.#follow);
  }

  readonly cancel = (reason: AshoreError): void => this.#controller.abort(reason);

  readonly #follow = (): void => this.cancel(asAshoreError(this.#caller?.reason, "CANCELLED"));
}
