import { asAshoreError, type AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import type { VersionStatus } from "../../protocol/states.ts";
import type { WithSignal } from "../ports.ts";
import { Changes } from "./changes.ts";
import type { Loaded } from "./loaded.ts";
import type { Desired, ManagerPorts } from "./manager-ports.ts";
import { availabilityPreserving, type TransitionPolicy } from "./policy.ts";
import type { Selector } from "./refusal.ts";
import { Routes } from "./routes.ts";
import { Seat } from "./seat.ts";
import type { Handle, Servable, Wanted } from "./servable.ts";
import { Slot } from "./slot.ts";

/**
 * Moves one model's versions between TensorFlow Serving's states, one load at a time, and hands them to requests
 * (`core/basic_manager.h`, `core/aspired_versions_manager.h`).
 */
export class ModelManager {
  readonly name: ModelName;
  readonly #ports: ManagerPorts;
  readonly #policy: TransitionPolicy;
  readonly #slots = new Map<number, Slot>();
  readonly #routes: Routes;
  readonly #closing = new AbortController();
  /** Versions whose number is taken by another digest that must be unloaded first. */
  readonly #successors = new Map<number, Wanted>();
  /** Versions whose place is gone, until they answer again or failed to. */
  readonly #moving = new Set<Slot>();
  readonly #changes = new Changes();
  #closed = false;

  constructor(name: ModelName, ports: ManagerPorts) {
    this.name = name;
    this.#ports = ports;
    this.#policy = ports.policy ?? availabilityPreserving;
    this.#routes = new Routes(name, this.#slots);
  }

  /** Takes the whole desired set; idempotent. A version that ended badly and is aspired still is tried again. */
  set(desired: Desired): void {
    if (this.#closed) return;
    const wanted = new Map(desired.aspired.map((one) => [one.version as number, one]));
    for (const slot of this.#slots.values()) {
      slot.blocked = desired.blocked.has(slot.digest);
      const one = wanted.get(slot.version);
      if (one?.digest === slot.digest && !slot.blocked) this.#keep(slot);
      else this.#drop(slot);
    }
    this.#successors.clear();
    for (const one of desired.aspired) {
      const slot = this.#slots.get(one.version);
      if (desired.blocked.has(one.digest) || slot?.digest === one.digest) continue;
      if (slot === undefined || slot.state === "END") this.#open(one);
      else this.#successors.set(one.version, one);
    }
    this.#routes.configure(desired);
    this.#reconcile();
    this.#changes.tell();
  }

  /** Pins the version that a request asks for. @throws NOT_FOUND, INVALID_ARGUMENT, UNAVAILABLE, VERSION_BLOCKED */
  acquire(selector: Selector): Handle {
    const handle = this.#routes.take(selector);
    if (handle === undefined) throw this.#routes.refusal(selector);
    return handle;
  }

  /** As {@link acquire}, but waits for a version that is being loaded. Rejects with the signal's reason when it is aborted. */
  async available(selector: Selector, { signal }: WithSignal = {}): Promise<Handle> {
    for (;;) {
      signal?.throwIfAborted();
      const handle = this.#routes.take(selector);
      if (handle !== undefined) return handle;
      if (!this.#routes.isComing(selector)) throw this.#routes.refusal(selector);
      await this.#changes.next({ signal });
    }
  }

  /** Resolves once every aspired version is AVAILABLE or END. */
  async settled({ signal }: WithSignal = {}): Promise<void> {
    while ([...this.#slots.values()].some((slot) => slot.aspired && slot.isComing) || this.#successors.size > 0) {
      await this.#changes.next({ signal });
    }
  }

  /** The version that a request without one gets. */
  get latest(): Version | undefined {
    return this.#routes.latest;
  }

  get labels(): Readonly<Record<string, Version>> | undefined {
    return this.#routes.labels;
  }

  /** All versions that this process has tracked, highest first. */
  status(): readonly VersionStatus[] {
    return [...this.#slots.values()].sort((a, b) => b.version - a.version).map((slot) => slot.status);
  }

  get latestLoaded(): Loaded | undefined {
    return this.#routes.latestLoaded;
  }

  /** Unloads everything; requests under way are waited for until `cutOff` is aborted. */
  async close(cutOff: AbortSignal): Promise<void> {
    this.#closed = true;
    this.#successors.clear();
    for (const slot of this.#slots.values()) this.#drop(slot);
    if (cutOff.aborted) this.#closing.abort();
    else cutOff.addEventListener("abort", () => this.#closing.abort(), { once: true });
    this.#reconcile();
    while ([...this.#slots.values()].some((slot) => slot.state !== "END")) await this.#changes.next();
  }

  /**
   * Puts another engine under a version that answers: new requests go to `after`, those on `before` end there, and it is closed
   * after the last. False, and nothing done, where `before` is not what answers any more; then `after` is the caller's to close.
   */
  replace(before: Servable, after: Servable): boolean {
    const slot = this.#slots.get(before.version);
    if (slot?.seat.loaded?.servable !== before || !slot.routable || !slot.aspired) return false;
    slot.seat.replace(after, this.#closing.signal);
    this.#watch(after);
    this.#tell(slot);
    return true;
  }

  /** Whether a version's place is gone, and it is being loaded in another. */
  get isMoving(): boolean {
    return this.#moving.size > 0;
  }

  /** A servable's engine died, or is gone with its place. Safe to repeat. */
  crashed(servable: Servable, error: AshoreError): void {
    const slot = this.#slots.get(servable.version);
    if (slot?.seat.loaded?.servable !== servable || slot.state !== "AVAILABLE") return;
    if (error.code === "ENGINE_GONE") this.#moving.add(slot);
    else slot.crashes.note(this.#ports.clock.now(), servable.backend);
    slot.error = error;
    slot.routable = false;
    slot.seat.abandon();
    slot.move("END");
    this.#routes.update();
    this.#tell(slot);
    this.#ports.report({ type: "problem", model: this.name, version: slot.version, error });
    void servable.hosted.close().catch(() => undefined);
    if (slot.aspired) this.#reload(slot);
    this.#reconcile();
    this.#changes.tell();
  }

  #keep(slot: Slot): void {
    slot.aspired = true;
    if (slot.state === "END" && !slot.reloading) this.#restart(slot);
  }

  #drop(slot: Slot): void {
    slot.aspired = false;
    slot.reloading = false;
    this.#moving.delete(slot);
    slot.abort?.abort();
    if (slot.state === "START") this.#end(slot, undefined);
  }

  #open(wanted: Wanted): void {
    const slot = new Slot(wanted, new Seat((servable) => this.#close(servable)));
    this.#slots.set(wanted.version, slot);
    this.#tell(slot);
    if (this.#slots.size > LIMITS.trackedVersions) this.#forgetOne();
  }

  #restart(slot: Slot): void {
    slot.error = undefined;
    slot.move("START");
    this.#tell(slot);
  }

  #reconcile(): void {
    for (;;) {
      const snapshots = [...this.#slots.values()].map((slot) => slot.snapshot(this.#routes.pins(slot.version) && !this.#closed));
      const action = this.#policy(snapshots);
      const slot = action && this.#slots.get(action.version);
      if (slot === undefined) return;
      // Both change the slot's state before their first await, so that the policy sees what was begun, and neither rejects.
      if (action?.kind === "load") void this.#load(slot);
      else void this.#unload(slot);
    }
  }

  async #load(slot: Slot): Promise<void> {
    const abort = new AbortController();
    slot.abort = abort;
    slot.move("LOADING");
    this.#tell(slot);
    try {
      const servable = await this.#ports.load(this.name, slot, { signal: abort.signal, avoid: slot.crashes.avoid });
      slot.seat.put(servable);
      if (this.#routes.wouldLead(slot.version)) await this.#ports.beforeLatest(this.name, slot.version);
      abort.signal.throwIfAborted();
      slot.abort = undefined;
      this.#moving.delete(slot);
      slot.move("AVAILABLE");
      slot.routable = true;
      this.#routes.update();
      this.#tell(slot);
      this.#watch(servable);
    } catch (thrown) {
      slot.abort = undefined;
      await slot.seat.vacate(this.#closing.signal);
      this.#end(slot, abort.signal.aborted ? undefined : asAshoreError(thrown));
    }
    this.#reconcile();
    this.#changes.tell();
  }

  async #unload(slot: Slot): Promise<void> {
    slot.move("UNLOADING");
    this.#tell(slot);
    slot.routable = false;
    const before = this.#routes.latest;
    this.#routes.update();
    const after = this.#routes.latest;
    // Not awaited: newer metadata, which is stored already, lowered the version, so a restart in between does the same again.
    if (after !== undefined && after !== before) void this.#ports.beforeLatest(this.name, after);
    await slot.seat.vacate(this.#closing.signal);
    this.#end(slot, undefined);
    this.#reconcile();
    this.#changes.tell();
  }

  #end(slot: Slot, error: AshoreError | undefined): void {
    slot.error = error;
    slot.routable = false;
    this.#moving.delete(slot);
    slot.move("END");
    this.#routes.update();
    this.#tell(slot);
    if (error !== undefined) {
      this.#ports.onFailed(this.name, slot, error);
      if (slot.crashes.any && slot.aspired) this.#reload(slot);
      return;
    }
    const successor = this.#successors.get(slot.version);
    this.#successors.delete(slot.version);
    if (successor !== undefined) this.#open(successor);
    else if (slot.aspired) this.#restart(slot);
  }

  /** Loads a version again whose engine died: at once, then with growing pauses while it keeps dying. */
  #reload(slot: Slot): void {
    const abort = new AbortController();
    slot.abort = abort;
    slot.reloading = true;
    const pause = this.#moving.has(slot) ? 0 : slot.crashes.pause;
    void this.#ports.clock.sleep(pause, { signal: abort.signal }).then(
      () => {
        if (abort.signal.aborted) return;
        slot.reloading = false;
        slot.abort = undefined;
        this.#restart(slot);
        this.#reconcile();
        this.#changes.tell();
      },
      // The version was dropped meanwhile; whoever dropped it went on.
      () => undefined,
    );
  }

  /** Does not reject. */
  async #close({ version, hosted }: Servable): Promise<void> {
    try {
      await hosted.close();
    } catch (thrown) {
      this.#ports.report({ type: "problem", model: this.name, version, error: asAshoreError(thrown) });
    }
  }

  #watch(servable: Servable): void {
    void servable.hosted.lost.then((error) => this.crashed(servable, error));
  }

  #tell(slot: Slot): void {
    const backend = slot.seat.loaded?.servable.backend;
    this.#ports.report({ type: "state", model: this.name, status: slot.status, ...(backend === undefined ? {} : { backend }) });
  }

  #forgetOne(): void {
    for (const [version, slot] of this.#slots) {
      if (slot.state === "END" && !slot.aspired) {
        this.#slots.delete(version);
        return;
      }
    }
  }
}
