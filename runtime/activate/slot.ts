import type { Digest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { Version } from "../../protocol/names.ts";
import { isLegalTransition, type ServableState, type VersionStatus } from "../../protocol/states.ts";
import { Crashes } from "./crashes.ts";
import type { Snapshot } from "./policy.ts";
import type { Seat } from "./seat.ts";
import type { Wanted } from "./servable.ts";

/** One version's place in a manager: its state, and its servable while it has one. */
export class Slot {
  readonly version: Version;
  readonly digest: Digest;
  aspired = true;
  blocked = false;
  /** Whether requests may take it: set before AVAILABLE is told, cleared after UNLOADING is. Then there is a servable. */
  routable = false;
  readonly seat: Seat;
  error: AshoreError | undefined;
  /** Ends the load under way, or the wait before a reload. */
  abort: AbortController | undefined;
  /** Its engine died, and it waits to be loaded again. */
  reloading = false;
  readonly crashes = new Crashes();

  #state: ServableState = "START";

  constructor({ version, digest }: Wanted, seat: Seat) {
    this.version = version;
    this.digest = digest;
    this.seat = seat;
  }

  get state(): ServableState {
    return this.#state;
  }

  /** @throws INTERNAL for a transition that the table of states does not have: a bug here, never a caller's. */
  move(to: ServableState): void {
    if (!isLegalTransition(this.#state, to)) throw new AshoreError("INTERNAL", `A servable cannot go from ${this.#state} to ${to}.`);
    this.#state = to;
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
