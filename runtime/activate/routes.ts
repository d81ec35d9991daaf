import type { AshoreError } from "../../protocol/errors.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import { Labels } from "./labels.ts";
import type { Loaded } from "./loaded.ts";
import type { Desired } from "./manager-ports.ts";
import { labelsNotSet, nothingHeld, servableNotFound, unknownLabel, versionBlocked, type Selector } from "./refusal.ts";
import type { Handle } from "./servable.ts";
import type { Slot } from "./slot.ts";
import { isVerdict } from "./verdict.ts";

/** Which version a request gets: the latest that can answer, one by number, or one by label. */
export class Routes {
  readonly #model: ModelName;
  readonly #slots: ReadonlyMap<number, Slot>;
  readonly #labels = new Labels();
  #latest: Slot | undefined;
  #floor = 0;
  #configured = false;
  #isEmpty = false;

  constructor(model: ModelName, slots: ReadonlyMap<number, Slot>) {
    this.#model = model;
    this.#slots = slots;
  }

  /** The highest version that can answer a request without a version. */
  get latest(): Version | undefined {
    return this.#latest?.version;
  }

  /** Its servable. */
  get latestLoaded(): Loaded | undefined {
    return this.#latest?.seat.loaded;
  }

  get labels(): Readonly<Record<string, Version>> | undefined {
    return this.#labels.current;
  }

  configure({ labels, latestFloor, nothing = false }: Pick<Desired, "labels" | "latestFloor" | "nothing">): void {
    this.#configured = true;
    this.#isEmpty = nothing;
    this.#floor = latestFloor;
    this.#labels.set(labels, this.#canAnswer);
    this.update();
  }

  /** To be called after whether a version is routable has changed. */
  update(): void {
    this.#labels.settle(this.#canAnswer);
    let latest: Slot | undefined;
    for (const slot of this.#slots.values()) {
      if (slot.routable && slot.version >= this.#floor && slot.version > (latest?.version ?? 0)) latest = slot;
    }
    this.#latest = latest;
  }

  /** Whether `version`, once routable, would be what a request without a version gets. */
  wouldLead(version: Version): boolean {
    return version >= this.#floor && version > (this.#latest?.version ?? 0);
  }

  pins(version: Version): boolean {
    return this.#labels.pins(version);
  }

  /** A handle, or undefined where no such version can answer now. */
  take(selector: Selector): Handle | undefined {
    const slot = this.#slotOf(selector);
    return slot?.routable === true ? slot.seat.loaded?.hold() : undefined;
  }

  /** Whether waiting may help a request that `take` had nothing for. */
  isComing(selector: Selector): boolean {
    if (selector.version === undefined && selector.label === undefined) return [...this.#slots.values()].some((slot) => slot.isComing);
    return this.#slotOf(selector)?.isComing === true;
  }

  /** Why `take` has nothing. */
  refusal({ version, label }: Selector): AshoreError {
    const number = label === undefined ? version : this.#labels.get(label);
    if (label !== undefined && number === undefined) return this.#configured ? unknownLabel(label) : labelsNotSet(label);
    if (number !== undefined) {
      return this.#slots.get(Number(number))?.blocked === true ? versionBlocked(this.#model, number) : servableNotFound(this.#model, number);
    }
    const slots = [...this.#slots.values()];
    if (slots.some((slot) => slot.blocked)) return versionBlocked(this.#model, undefined);
    if (this.#isEmpty) return servableNotFound(this.#model, undefined);
    if (slots.some((slot) => slot.aspired && slot.isComing)) return nothingHeld(this.#model);
    return slots.some(({ error }) => error !== undefined && isVerdict(error)) ? servableNotFound(this.#model, undefined) : nothingHeld(this.#model);
  }

  #slotOf({ version, label }: Selector): Slot | undefined {
    if (label !== undefined) {
      const labelled = this.#labels.get(label);
      return labelled === undefined ? undefined : this.#slots.get(labelled);
    }
    if (version === undefined) return this.#latest;
    return typeof version === "bigint" ? undefined : this.#slots.get(version);
  }

  readonly #canAnswer = (version: Version): boolean => this.#slots.get(version)?.routable === true;
}
