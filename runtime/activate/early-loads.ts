import { digestOfHex } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { ModelName } from "../../protocol/names.ts";
import type { HeldVersion, JournalModel } from "../ports.ts";
import type { Load, Servable, Wanted } from "./servable.ts";

interface EarlyLoad {
  readonly servable: Promise<Servable>;
  readonly abort: AbortController;
}

/**
 * Loads begun before it is known whether they are wanted: at a start, what answered last is loaded beside the metadata that
 * says whether it may. Nothing answers from here: a manager that wants the version takes the load over, and the rest is closed.
 */
export class EarlyLoads {
  readonly #load: Load;
  readonly #early = new Map<string, EarlyLoad>();

  constructor(load: Load) {
    this.#load = load;
  }

  begin(model: ModelName, wanted: Wanted): void {
    const abort = new AbortController();
    const servable = this.#load(model, wanted, { signal: abort.signal });
    // Whoever takes it over hears why it failed.
    servable.catch(() => undefined);
    this.#early.set(keyOf(model, wanted), { servable, abort });
  }

  /** The load that was begun, or one that begins now. */
  readonly load: Load = async (model, wanted, request) => {
    const key = keyOf(model, wanted);
    const early = this.#early.get(key);
    if (early === undefined) return await this.#load(model, wanted, request);
    this.#early.delete(key);
    const { signal } = request;
    const leave = (): void => early.abort.abort(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await early.servable;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  };

  /** Ends and closes what nobody took over. Does not reject. */
  async drop(): Promise<void> {
    const left = [...this.#early.values()];
    this.#early.clear();
    for (const { abort } of left) abort.abort(new AshoreError("CANCELLED", "The version is not to be loaded."));
    await Promise.allSettled(left.map(({ servable }) => servable.then(({ hosted }) => hosted.close())));
  }
}

/** The version that a restarted device will most likely load: the one that answered last, or the newest that did not fail. Pure. */
export function presumedVersion({ held, served, failed }: JournalModel): HeldVersion | undefined {
  const able = held.filter(({ manifest }) => !failed.includes(digestOfHex(manifest.sha256)));
  return able.find(({ version }) => version === served?.version) ?? able.at(-1);
}

function keyOf(model: ModelName, { version, digest }: Wanted): string {
  return `${model}/${version}/${digest}`;
}
