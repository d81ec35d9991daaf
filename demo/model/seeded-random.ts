/** The randomness of one training run: the same seed gives the same weights, order and distortions. */
export interface SeededRandom {
  /** Uniform in [low, high). */
  uniform(low: number, high: number): number;
  /** Normal, mean 0, deviation 1. */
  normal(): number;
  /** 0 .. count-1 in random order. */
  order(count: number): Int32Array;
}

/** mulberry32, a normal deviate by Box and Muller, an order by Fisher and Yates. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    uniform: (low, high) => low + (high - low) * next(),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    order(count) {
      const order = Int32Array.from({ length: count }, (_, i) => i);
      for (let i = count - 1; i > 0; i--) {
        const j = Math.floor(next() * (i + 1));
        const swapped = order[i] ?? 0;
        order[i] = order[j] ?? 0;
        order[j] = swapped;
      }
      return order;
    },
  };
}
