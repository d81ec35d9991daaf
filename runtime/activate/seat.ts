import { Loaded } from "./loaded.ts";
import type { Servable } from "./servable.ts";

/** Where a version's servable sits, with those that it took over from and that requests still hold. */
export class Seat {
  readonly #close: (servable: Servable) => Promise<void>;
  readonly #retiring = new Set<Promise<void>>();
  #loaded: Loaded | undefined;

  /** @param close must not reject */
  constructor(close: (servable: Servable) => Promise<void>) {
    this.#close = close;
  }

  get loaded(): Loaded | undefined {
    return this.#loaded;
  }

  put(servable: Servable): void {
    this.#loaded = new Loaded(servable);
  }

  /** New requests go to `servable`; the one before is closed after its last request, or when `cutOff` is aborted. */
  replace(servable: Servable, cutOff: AbortSignal): void {
    const before = this.abandon();
    this.put(servable);
    if (before === undefined) return;
    const retired: Promise<void> = before.unheld(cutOff).then(() => this.#close(before.servable)).finally(() => void this.#retiring.delete(retired));
    this.#retiring.add(retired);
  }

  /** Empties the seat without closing anything: an engine that died is not waited for. */
  abandon(): Loaded | undefined {
    const loaded = this.#loaded;
    this.#loaded = undefined;
    loaded?.leave();
    return loaded;
  }

  /** Empties the seat; resolves when all that sat there is closed, each after its last request or when `cutOff` is aborted. */
  async vacate(cutOff: AbortSignal): Promise<void> {
    const loaded = this.#loaded;
    loaded?.leave();
    await loaded?.unheld(cutOff);
    this.#loaded = undefined;
    if (loaded !== undefined) await this.#close(loaded.servable);
    await Promise.all(this.#retiring);
  }
}
