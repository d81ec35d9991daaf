import { DTYPES } from "../../protocol/dtype.ts";
import { graphInputs } from "../../protocol/graph-inputs.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { SelfTest, SignatureDef } from "../../protocol/manifest.ts";

/** Sizes to try for what a signature def leaves open (besides the first dimension, which is the batch). */
const SIZES = [1, 2, 64, 224];

/** How large integers may be: colours, and what names one of few things, as tokens do. */
const BELOW = [undefined, 16, 2];

/** Concrete shapes for what a signature def's graph is fed with, likeliest first: where nothing is open, the one that it states. */
export function guessShapes(signatureDef: SignatureDef): SelfTest["inputs"][] {
  const guesses: SelfTest["inputs"][] = [];
  const seen = new Set<string>();
  const integers = new Set(Object.entries(graphInputs(signatureDef)).flatMap(([key, { dtype }]) => (DTYPES[dtype].engine === "int32" ? [key] : [])));
  for (const size of SIZES) {
    for (const rank of [1, 2, 0, 4]) {
      const inputs: Inputs = Object.fromEntries(
        Object.entries(graphInputs(signatureDef)).map(([key, { shape }]) => {
          const open = shape ?? Array.from({ length: rank }, () => -1);
          return [key, { shape: open.map((dim, place) => (dim >= 0 ? dim : place === 0 ? 1 : size)) }];
        }),
      );
      const text = JSON.stringify(inputs);
      if (seen.has(text)) continue;
      seen.add(text);
      if (Object.values(inputs).some(({ shape }) => shape.reduce((count, dim) => count * dim, 1) > LIMITS.selfTestElements)) continue;
      guesses.push(...(integers.size === 0 ? [inputs] : BELOW.map((below) => mapInputs(inputs, (key, input) => (below !== undefined && integers.has(key) ? { ...input, below } : input)))));
    }
  }
  return guesses;
}

type Inputs = SelfTest["inputs"];

function mapInputs(inputs: Inputs, change: (key: string, input: Inputs[string]) => Inputs[string]): Inputs {
  return Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, change(key, input)]));
}
