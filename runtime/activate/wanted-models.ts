import type { ModelsWanted } from "../../protocol/messages.ts";
import type { ModelName } from "../../protocol/names.ts";

/** Which models a device is to hold: a union of what was asked for, less what was removed since. Pure. */
export class WantedModels {
  readonly #named = new Set<ModelName>();
  readonly #removed = new Set<ModelName>();
  #all = false;

  constructor(models: ModelsWanted) {
    this.add(models);
  }

  /** A removed model comes back when it is named, not by "all". */
  add(models: ModelsWanted): void {
    if (models === "all") {
      this.#all = true;
      return;
    }
    for (const name of models) {
      this.#named.add(name);
      this.#removed.delete(name);
    }
  }

  remove(name: ModelName): void {
    this.#named.delete(name);
    this.#removed.add(name);
  }

  get all(): boolean {
    return this.#all;
  }

  get named(): readonly ModelName[] {
    return [...this.#named];
  }

  /** All that were named, and of those that there are what "all" covers. */
  among(there: Iterable<ModelName>): readonly ModelName[] {
    const covered = this.#all ? [...there].filter((name) => !this.#removed.has(name)) : [];
    return [...new Set([...this.#named, ...covered])];
  }
}
