import type { AshoreError } from "../../protocol/errors.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import type { VersionStatus } from "../../protocol/states.ts";
import type { WithSignal } from "../ports.ts";
import { ModelManager, type Desired, type ManagerPorts } from "./model-manager.ts";
import { labelsNotSet, nothingHeld, servableNotFound, unknownLabel, type Selector } from "./refusal.ts";
import type { Handle, Servable } from "./servable.ts";

/** All models of a device, each with its versions' states; what requests get their servables from. */
export class Manager {
  readonly #ports: ManagerPorts;
  readonly #models = new Map<string, ModelManager>();
  #complete = false;

  constructor(ports: ManagerPorts) {
    this.#ports = ports;
  }

  /** Names a model that this device is to hold, before anything is known of its versions. */
  track(name: ModelName): ModelManager {
    let model = this.#models.get(name);
    if (model === undefined) this.#models.set(name, (model = new ModelManager(name, this.#ports)));
    return model;
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

  servables(model: string): readonly Servable[] {
    return this.#models.get(model)?.servables() ?? [];
  }

  latest(model: string): Version | undefined {
    return this.#models.get(model)?.latest;
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
    if (label !== undefined) return this.#complete ? unknownLabel(label) : labelsNotSet(label);
    return this.#complete ? servableNotFound(model, version) : nothingHeld(model);
  }
}
