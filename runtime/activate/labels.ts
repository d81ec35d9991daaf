import type { Version } from "../../protocol/names.ts";

/**
 * Where labels point. A label moves when the version that it moves to can answer: until then it stays at the version that
 * it pointed at, so that moving one drops no request (TensorFlow Serving refuses such a config instead,
 * `server_core.cc` UpdateModelVersionLabelMap; a device that is told to load and label at once must not).
 */
export class Labels {
  #wanted: ReadonlyMap<string, Version> = new Map();
  #current = new Map<string, Version>();

  /** Takes the whole set of labels; those not named are gone at once. */
  set(labels: Readonly<Record<string, Version>>, canAnswer: (version: Version) => boolean): void {
    const wanted = new Map(Object.entries(labels));
    for (const name of this.#current.keys()) if (!wanted.has(name)) this.#current.delete(name);
    this.#wanted = wanted;
    this.settle(canAnswer);
  }

  /** Moves the labels whose versions have become available, or whose old ones are gone. */
  settle(canAnswer: (version: Version) => boolean): void {
    for (const [name, version] of this.#wanted) {
      const current = this.#current.get(name);
      if (current === undefined || canAnswer(version) || !canAnswer(current)) this.#current.set(name, version);
    }
  }

  /** The version that a label answers from, undefined for an unknown label. */
  get(name: string): Version | undefined {
    return this.#current.get(name);
  }

  /** The version that each label answers from; undefined where there are none. */
  get current(): Readonly<Record<string, Version>> | undefined {
    return this.#current.size === 0 ? undefined : Object.fromEntries(this.#current);
  }

  /** Whether a label still answers from this version though it is to move to another. */
  pins(version: Version): boolean {
    for (const [name, current] of this.#current) if (current === version && this.#wanted.get(name) !== version) return true;
    return false;
  }
}
