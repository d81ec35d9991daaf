import type { AshoreError } from "../../protocol/errors.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import type { VersionStatus } from "../../protocol/states.ts";
import type { WithSignal } from "../ports.ts";
import type { Loaded } from "./loaded.ts";
import type { Desired, ManagerPorts } from "./manager-ports.ts";
import { ModelManager } from "./model-manager.ts";
import { labelsNotSet, nothingHeld, servableNotFound, unknownLabel, type Selector } from "./refusal.ts";
import type { Handle, Servable } from "./servable.ts";

/** All models of a device, each with its versions' states; what requests get their servables from. */
export class Manager {
  readonly #ports: ManagerPorts;
  readonly #models = new Map<string, ModelManager>();
  readonly #removed = new Set<string>();
  #complete = false;
  #patience = 0;

  constructor(ports: ManagerPorts) {
    this.#ports = ports;
  }

  /** Names a model that this device is to hold, before anything is known of its versions. */
  track(name: ModelName): ModelManager {
    let model = this.#models.get(name);
    if (model === undefined) this.#models.set(name, (model = new ModelManager(name, this.#ports)));
    this.#removed.delete(name);
    return model;
  }

  /** Unloads a model that is unknown from now on; requests under way are waited for until `cutOff` is aborted. */
  async remove(name: ModelName, cutOff: AbortSignal): Promise<void> {
    const model = this.#models.get(name);
    this.#models.delete(name);
    this.#removed.add(name);
    await model?.close(cutOff);
  }

  /** While `work` is under way, what is stored is about to answer: requests wait for versions that are being loaded. */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    this.#patience++;
    try {
      return await work();
    } finally {
      this.#patience--;
    }
  }

  get isPatient(): boolean {
    return this.#patience > 0;
  }

  /** Whether a request for this model waits for a version that is being loaded, rather than being refused. */
  waitsFor(model: string): boolean {
    return this.#patience > 0 || this.#models.get(model)?.isMoving === true;
  }

  /** Says that every model there is has been tracked: from now on, a model that was not is unknown, and not merely not here yet. */
  complete(): void {
    this.#complete = true;
  }

  setAspired(name: ModelName, desired: Desired): void {
    this.track(name).set(desired);
  }

  names(): readonly ModelName[] {
    return [...this.#models.values()].map(({ name }) => name);
  }

  has(model: string): boolean {
    return this.#models.has(model);
  }

  /** @throws NOT_FOUND, INVALID_ARGUMENT (an unknown label), UNAVAILABLE, VERSION_BLOCKED */
  acquire(model: string, selector: Selector): Handle {
    const manager = this.#models.get(model);
    if (manager === undefined) throw this.#unknown(model, selector);
    return manager.acquire(selector);
  }

  /** As {@link acquire}, but waits for a version that is being loaded. */
  async available(model: string, selector: Selector, options: WithSignal = {}): Promise<Handle> {
    const manager = this.#models.get(model);
    if (manager === undefined) throw this.#unknown(model, selector);
    return await manager.available(selector, options);
  }

  /** Says that a servable's engine died, where a request saw it before the engine's own word came. */
  crashed(servable: Servable, error: AshoreError): void {
    this.#models.get(servable.model)?.crashed(servable, error);
  }

  /** The versions of a model that this process has tracked, highest first; undefined for an unknown model. */
  status(model: string): readonly VersionStatus[] | undefined {
    return this.#models.get(model)?.status();
  }

  /** As {@link ModelManager.replace}. */
  replace(before: Servable, after: Servable): boolean {
    return this.#models.get(before.model)?.replace(before, after) === true;
  }

  /** The servable that a request without a version gets. */
  latestLoaded(model: string): Loaded | undefined {
    return this.#models.get(model)?.latestLoaded;
  }

  latest(model: string): Version | undefined {
    return this.#models.get(model)?.latest;
  }

  /** The version that each label of a model answers from. */
  labels(model: string): Readonly<Record<string, Version>> | undefined {
    return this.#models.get(model)?.labels;
  }

  /** Resolves once every aspired version of every model is AVAILABLE or END. */
  async settled(options: WithSignal = {}): Promise<void> {
    for (const model of this.#models.values()) await model.settled(options);
  }

  /** Unloads everything; requests under way are waited for until `cutOff` is aborted. */
  async close(cutOff: AbortSignal): Promise<void> {
    await Promise.all([...this.#models.values()].map((model) => model.close(cutOff)));
  }

  #unknown(model: string, { version, label }: Selector): AshoreError {
    const isKnown = this.#complete || this.#removed.has(model);
    if (label !== undefined) return isKnown ? unknownLabel(label) : labelsNotSet(label);
    return isKnown ? servableNotFound(model, version) : nothingHeld(model);
  }
}
