import { AshoreError } from "../../../protocol/errors.ts";
import type { MetaGraph } from "./meta-graph.ts";

/** TensorFlow Serving's own choice. */
export const DEFAULT_TAGS: readonly string[] = ["serve"];

/**
 * The meta graph that has exactly these tags: {serve} is not {serve, quantized}.
 * @throws MODEL_MALFORMED naming the tag sets that are there
 */
export function chooseMetaGraph(metaGraphs: readonly MetaGraph[], tags: readonly string[], what: string): MetaGraph {
  const wanted = keyOf(tags);
  const found = metaGraphs.find((meta) => keyOf(meta.tags) === wanted);
  if (found !== undefined) return found;
  const there = metaGraphs.map((meta) => named(meta.tags)).join(", ");
  throw new AshoreError("MODEL_MALFORMED", `${what} has no meta graph with the tag set ${named(tags)}; it has ${there === "" ? "none at all" : there}. Save the model with that tag set, or ask for one that is there.`);
}

function keyOf(tags: readonly string[]): string {
  return JSON.stringify([...new Set(tags)].sort());
}

function named(tags: readonly string[]): string {
  return `{${[...tags].sort().join(", ")}}`;
}
