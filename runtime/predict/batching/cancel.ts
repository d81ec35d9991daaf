import type { CancelSignal } from "../../../protocol/cancel-signal.ts";
import type { AshoreError } from "../../../protocol/errors.ts";

/** Ends what several tasks wait for together. */
export class Cancel implements CancelSignal {
  reason: AshoreError | undefined;
  readonly #listeners = new Set<() => void>();

  get aborted(): boolean {
    return this.reason !== undefined;
  }

  addEventListener(_: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  abort(reason: AshoreError): void {
    this.reason ??= reason;
    for (const listener of this.#listeners) {
      this.#listeners.delete(listener);
      listener();
    }
  }
}
