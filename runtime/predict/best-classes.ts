import { classesOf, type ClassScore } from "../../protocol/classes.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { NamedTensors } from "../../protocol/tensor.ts";
import type { Servable } from "../activate/index.ts";

const TOP_K = 5;

/**
 * The best classes of each row, of a version that names the scores of one of these outputs.
 * @throws INVALID_ARGUMENT for a `topK` that is no count
 */
export function bestClasses({ classes }: Pick<Servable, "classes">, outputs: NamedTensors, topK = TOP_K): readonly (readonly ClassScore[])[] | undefined {
  if (!(Number.isInteger(topK) && topK >= 1 && topK <= LIMITS.classNames)) throw new AshoreError("INVALID_ARGUMENT", `${topK} is no number of classes to name; give an integer from 1 to ${LIMITS.classNames}.`);
  const scores = classes && Object.hasOwn(outputs, classes.output) ? outputs[classes.output] : undefined;
  return classes && scores && classesOf(classes, scores, topK);
}
