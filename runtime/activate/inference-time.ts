import type { Clock } from "../ports.ts";

/**
 * How long one inference takes, out of the requests themselves: the least of all after the first, which is many times slower.
 * (Some waited for others; the least did not.)
 */
export class InferenceTime {
  readonly #now: Clock["now"];
  readonly #onLess: (ms: number) => void;
  #runs = 0;
  #least: number | undefined;

  /** @param onLess hears every new least time; must not throw */
  constructor(clock: Clock, onLess: (ms: number) => void = () => undefined) {
    this.#now = () => clock.now();
    this.#onLess = onLess;
  }

  /** Milliseconds; undefined before the second inference has ended. */
  get ms(): number | undefined {
    return this.#least;
  }

  begin(): number {
    return this.#now();
  }

  /** An inference that began at `began` gave an answer. */
  end(began: number): void {
    const ms = this.#now() - began;
    // A clock that was turned back meanwhile says nothing.
    if (++this.#runs === 1 || ms < 0 || ms >= (this.#least ?? Infinity)) return;
    this.#least = ms;
    this.#onLess(ms);
  }
}
