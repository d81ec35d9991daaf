import { graphInputs } from "../../protocol/graph-inputs.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { SelfTest, SignatureDef } from "../../protocol/manifest.ts";

/** Sizes to try for what a signature def leaves open (besides the first dimension, which is the batch). */
const SIZES = [1, 2, 64, 224];

/** Concrete shapes for what a signature def's graph is fed with, likeliest first: where nothing is open, the one that it states. */
export function guessShapes(signatureDef: SignatureDef): SelfTest["inputs"][] {
  const guesses: SelfTest["inputs"][] = [];
  const seen = new Set<string>();
  for (const size of SIZES) {
    for (const rank of [1, 2, 0, 4]) {
      const inputs = Object.fromEntries(
        Object.entries(graphInputs(signatureDef)).map(([key, { shape }]) => {
          const open = shape ?? Array.from({ length: rank }, () => -1);
          return [key, { shape: open.map((dim, place) => (dim >= 0 ? dim : place === 0 ? 1 : size)) }];
        }),
      );
      const text = JSON.stringify(inputs);
      if (seen.has(text)) continue;
      seen.add(text);
      if (Object.values(inputs).every(({ shape }) => shape.reduce((count, dim) => count * dim, 1) <= LIMITS.selfTestElements)) guesses.push(inputs);
    }
  }
  return guesses;
}
