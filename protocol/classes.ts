import * as v from "valibot";
import { LIMITS } from "./limits.ts";
import type { Tensor } from "./tensor.ts";

/**
 * What the scores of an output are called: `names` in the order of its last dimension, or the path of the asset that has them
 * as a JSON array. One score for two names is that of the second. `activation` makes scores of logits.
 */
export const classesSchema = v.strictObject({
  output: v.string(),
  names: v.union([v.string(), v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(LIMITS.classNames))]),
  activation: v.optional(v.picklist(["softmax", "sigmoid"])),
});
export type Classes = v.InferOutput<typeof classesSchema>;

/** Classes with their names at hand. */
export interface NamedClasses extends Classes {
  readonly names: string[];
}

export interface ClassScore {
  readonly name: string;
  readonly score: number;
}

/**
 * The `top` best classes of each row of an output, best first, NaN last; of two with one score the earlier. Undefined
 * where the output has other scores than there are names, or more than one row of them for one of its batch.
 */
export function classesOf({ names, activation }: NamedClasses, { data, shape }: Tensor, top: number): readonly (readonly ClassScore[])[] | undefined {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return undefined;
  const width = shape.at(-1) ?? 0;
  const isBinary = width === 1 && names.length === 2;
  const rows = shape.length > 1 ? (shape[0] ?? 0) : 1;
  if ((width !== names.length && !isBinary) || data.length !== rows * width) return undefined;
  return Array.from({ length: rows }, (_, row) => {
    const scores = activated(Float64Array.from(data.subarray(row * width, (row + 1) * width)), activation);
    return best(isBinary ? Float64Array.of(1 - (scores[0] ?? 0), scores[0] ?? 0) : scores, names, top);
  });
}

function activated(row: Float64Array, activation: Classes["activation"]): Float64Array {
  if (activation === undefined) return row;
  if (activation === "sigmoid") return row.map((x) => 1 / (1 + Math.exp(-x)));
  const most = Math.max(...row);
  const powers = row.map((x) => Math.exp(x - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / sum);
}

/** One look at each score: there may be thousands, and few are asked for. */
function best(scores: Float64Array, names: readonly string[], top: number): readonly ClassScore[] {
  const found: ClassScore[] = [];
  for (let at = 0; at < scores.length; at++) {
    const score = scores[at] ?? NaN;
    const isBetter = (other: ClassScore): boolean => score > other.score || (Number.isNaN(other.score) && !Number.isNaN(score));
    const last = found[top - 1];
    if (last !== undefined && !isBetter(last)) continue;
    const place = found.findIndex(isBetter);
    found.splice(place < 0 ? found.length : place, 0, { name: names[at] ?? "", score });
    if (found.length > top) found.pop();
  }
  return found;
}
