import type { WithSignal } from "../ports.ts";

/** What somebody waits for who can only look again when something has changed. */
export class Changes {
  #waiters: (() => void)[] = [];

  tell(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  /** Rejects with the signal's reason when it is aborted. */
  async next({ signal }: WithSignal = {}): Promise<void> {
    signal?.throwIfAborted();
    let wake: () => void = () => undefined;
    await new Promise<void>((resolve) => {
      wake = resolve;
      this.#waiters.push(wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
    signal?.removeEventListener("abort", wake);
    signal?.throwIfAborted();
  }
}
