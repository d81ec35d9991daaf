import type { CancelSignal } from "../../protocol/cancel-signal.ts";
import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import type { Clock } from "../ports.ts";

/** The time that one request has, itself what ends its inference; `end` is called exactly once, whatever happened. */
export interface Deadline extends CancelSignal {
  /** The same as the platform's own signal, made when it is asked for. */
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
      if (this.#open.delete(first)) first.cancel(new AshoreError("DEADLINE_EXCEEDED", `The request did not end within ${this.#milliseconds} ms.`));
    }
    this.#isWaiting = false;
  }
}

class OpenDeadline implements Deadline {
  readonly expires: number;
  reason: AshoreError | undefined;
  readonly #caller: AbortSignal | undefined;
  readonly #open: Set<OpenDeadline>;
  readonly #listeners: (() => void)[] = [];
  #controller: AbortController | undefined;

  constructor(expires: number, caller: AbortSignal | undefined, open: Set<OpenDeadline>) {
    this.expires = expires;
    this.#caller = caller;
    this.#open = open;
    if (caller?.aborted === true) this.#follow();
    else caller?.addEventListener("abort", this.#follow);
  }

  get aborted(): boolean {
    return this.reason !== undefined;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.reason !== undefined) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  addEventListener(_: "abort", listener: () => void): void {
    this.#listeners.push(listener);
  }

  removeEventListener(_: "abort", listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }

  readonly cancel = (reason: AshoreError): void => {
    if (this.reason !== undefined) return;
    this.reason = reason;
    this.#controller?.abort(reason);
    for (const listener of this.#listeners.splice(0)) listener();
  };

  end(): void {
    this.#open.delete(this);
    this.#caller?.removeEventListener("abort", this.#follow);
  }

  readonly #follow = (): void => this.cancel(asAshoreError(this.#caller?.reason, "CANCELLED"));
}
