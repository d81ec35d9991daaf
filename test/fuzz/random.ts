import { mulberry32 } from "../../protocol/self-test.ts";

/**
 * What fuzz tests draw from: one seed, so that a failure comes again. ASHORE_FUZZ_SEED takes another one, ASHORE_FUZZ_ROUNDS
 * multiplies the rounds.
 */
const SEED = Number(process.env["ASHORE_FUZZ_SEED"] ?? 20_261);
const TIMES = Number(process.env["ASHORE_FUZZ_ROUNDS"] ?? 1);

export class Random {
  readonly #next: () => number;

  constructor(salt: number) {
    this.#next = mulberry32(SEED + salt);
  }

  /** An integer in 0..n-1. */
  below(n: number): number {
    return Math.floor(this.#next() * n);
  }
  chance(p: number): boolean {
    return this.#next() < p;
  }
  of<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("nothing to choose from");
    return item;
  }
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/** Runs `round` so many times; what it throws says which round it was. */
export async function rounds(count: number, salt: number, round: (random: Random, at: number) => Promise<void> | void): Promise<void> {
  const random = new Random(salt);
  for (let at = 0; at < count * TIMES; at++) {
    try {
      await round(random, at);
    } catch (cause) {
      throw new Error(`Round ${at} of seed ${SEED}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
}
