import { LIMITS } from "../../protocol/limits.ts";
import type { Backend } from "../../protocol/manifest.ts";

/** How often a version's engine died lately, and what follows for loading it again. Pure. */
export class Crashes {
  #count = 0;
  #last = 0;
  #backend: Backend | undefined;

  /** An engine died, at a time in milliseconds. One that had lived for long enough begins a new count. */
  note(now: number, backend: Backend): void {
    this.#count = now - this.#last > LIMITS.crashMemoryMs ? 1 : this.#count + 1;
    this.#last = now;
    this.#backend = backend;
  }

  get any(): boolean {
    return this.#count > 0;
  }

  /** Milliseconds to wait before the version is loaded again: none at first, then longer while it keeps dying. */
  get pause(): number {
    return this.#count <= 1 ? 0 : Math.min(LIMITS.retryBaseMs * 2 ** (this.#count - 2), LIMITS.retryCapMs);
  }

  /** The backend to try last: where the engine died again soon, another may live. */
  get avoid(): Backend | undefined {
    return this.#count > 1 ? this.#backend : undefined;
  }
}
