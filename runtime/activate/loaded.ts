import { AshoreError } from "../../protocol/errors.ts";
import type { Handle, Servable } from "./servable.ts";

/**
 * A servable in its place in a manager, and the count of requests that hold it. It is itself the handle, so that pinning a
 * version allocates nothing; and it counts for one engine alone, so that a version can get another while requests end on this one.
 */
export class Loaded implements Handle {
  readonly servable: Servable;
  readonly #gone = new AbortController();
  #handles = 0;
  #idle: (() => void) | undefined;

  constructor(servable: Servable) {
    this.servable = servable;
  }

  /** Aborted when no new request gets this servable any more: it is being unloaded, was replaced, or its engine died. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Says so. Safe to repeat. */
  leave(): void {
    this.#gone.abort(new AshoreError("CANCELLED", `Version ${this.servable.version} of ${this.servable.model} does not answer from this engine any more.`));
  }

  hold(): Handle {
    this.#handles += 1;
    return this;
  }

  release(): void {
    this.#handles -= 1;
    if (this.#handles === 0) this.#idle?.();
  }

  /** Resolves when no request holds it any more, or when `cutOff` is aborted. */
  async unheld(cutOff: AbortSignal): Promise<void> {
    if (this.#handles === 0 || cutOff.aborted) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      cutOff.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#idle = undefined;
  }
}
