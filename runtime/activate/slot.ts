import type { Digest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { Version } from "../../protocol/names.ts";
import { isLegalTransition, type ServableState, type VersionStatus } from "../../protocol/states.ts";
import type { Snapshot } from "./policy.ts";
import type { Handle, Servable, Wanted } from "./servable.ts";

/**
 * One version's place in a manager: its state, its servable while it has one, and the count of requests that hold it. The
 * slot is itself the handle, so that pinning a version allocates nothing.
 */
export class Slot implements Handle {
  readonly version: Version;
  readonly digest: Digest;
  aspired = true;
  blocked = false;
  /** Whether requests may take it: set before AVAILABLE is told, cleared after UNLOADING is. */
  routable = false;
  loaded: Servable | undefined;
  error: AshoreError | undefined;
  /** Ends the load under way, or the wait before a reload. */
  abort: AbortController | undefined;
  /** Its engine died, and it waits to be loaded again. */
  reloading = false;
  crashes = 0;
  crashedAt = 0;

  #state: ServableState = "START";
  #handles = 0;
  #idle: (() => void) | undefined;

  constructor(wanted: Wanted) {
    this.version = wanted.version;
    this.digest = wanted.digest;
  }

  get state(): ServableState {
    return this.#state;
  }

  /** @throws INTERNAL for a transition that the table of states does not have: a bug here, never a caller's. */
  move(to: ServableState): void {
    if (!isLegalTransition(this.#state, to)) throw new AshoreError("INTERNAL", `A servable cannot go from ${this.#state} to ${to}.`);
    this.#state = to;
  }

  get servable(): Servable {
    if (this.loaded === undefined) throw new AshoreError("ENGINE_CRASHED", `The engine of version ${this.version} is gone.`);
    return this.loaded;
  }

  hold(): Handle {
    this.#handles += 1;
    return this;
  }

  release(): void {
    this.#handles -= 1;
    if (this.#handles === 0) this.#idle?.();
  }

  /** Resolves when no request holds the version any more, or when `cutOff` is aborted. */
  async unheld(cutOff: AbortSignal): Promise<void> {
    if (this.#handles === 0 || cutOff.aborted) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      cutOff.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#idle = undefined;
  }

  /** Whether it may yet become available without anything new from outside. */
  get isComing(): boolean {
    return this.#state === "START" || this.#state === "LOADING" || this.reloading;
  }

  get status(): VersionStatus {
    const { version, state, error } = this;
    return error === undefined ? { version, state } : { version, state, error: { code: error.code, message: error.message } };
  }

  snapshot(pinned: boolean): Snapshot {
    const { version, aspired, blocked, state } = this;
    const phase = state === "START" ? "new" : state === "AVAILABLE" ? "ready" : state === "END" ? "ended" : "busy";
    return { version, phase, aspired, blocked, pinned };
  }
}
