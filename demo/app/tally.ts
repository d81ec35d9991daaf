/** How long the chart looks back. */
export const WINDOW_SECONDS = 60;

export interface Second {
  /** Answers by version. */
  readonly answers: ReadonlyMap<number, number>;
  readonly failures: number;
}

/** Counts answers by version and second, and forgets what is older than the window. */
export class Tally {
  readonly #seconds = new Map<number, { answers: Map<number, number>; failures: number }>();

  /** @param now in seconds */
  answered(version: number, now: number): void {
    const { answers } = this.#at(now);
    answers.set(version, (answers.get(version) ?? 0) + 1);
  }

  failed(now: number): void {
    this.#at(now).failures += 1;
  }

  /** The window's seconds, oldest first, the one of `now` last. */
  window(now: number): readonly Second[] {
    const last = Math.floor(now);
    return Array.from({ length: WINDOW_SECONDS }, (_, i) => this.#seconds.get(last - WINDOW_SECONDS + 1 + i) ?? { answers: new Map(), failures: 0 });
  }

  #at(now: number): { answers: Map<number, number>; failures: number } {
    const second = Math.floor(now);
    let counted = this.#seconds.get(second);
    if (counted === undefined) {
      counted = { answers: new Map(), failures: 0 };
      this.#seconds.set(second, counted);
      for (const old of this.#seconds.keys()) if (old <= second - WINDOW_SECONDS) this.#seconds.delete(old);
    }
    return counted;
  }
}

export interface Totals {
  readonly byVersion: ReadonlyMap<number, number>;
  readonly answers: number;
  readonly failures: number;
}

export function totalsOf(seconds: readonly Second[]): Totals {
  const byVersion = new Map<number, number>();
  let failures = 0;
  for (const second of seconds) {
    failures += second.failures;
    for (const [version, count] of second.answers) byVersion.set(version, (byVersion.get(version) ?? 0) + count);
  }
  return { byVersion: new Map([...byVersion].sort(([a], [b]) => a - b)), answers: [...byVersion.values()].reduce((sum, count) => sum + count, 0), failures };
}
