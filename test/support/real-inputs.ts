import { selfTestInputs } from "../../protocol/self-test.ts";
import type { SignatureDef } from "../../protocol/manifest.ts";
import type { NamedTensors } from "../../protocol/tensor.ts";

/** Seeded inputs of a real model (1 where its signature leaves a size open) by the graph's tensor names, and the names of all its outputs. */
export function realInputs(model: string, signatureDefs: Readonly<Record<string, SignatureDef>>): { readonly feeds: NamedTensors; readonly fetches: readonly string[] } {
  const signatureDef = signatureDefs["serving_default"];
  if (signatureDef === undefined) throw new Error(`${model} has no serving_default`);
  const inputs = Object.fromEntries(Object.entries(signatureDef.inputs).map(([key, { shape }]) => [key, { shape: (shape ?? []).map((size) => Math.max(1, size)) }]));
  const byKey = selfTestInputs({ seed: 42, inputs }, signatureDef);
  const feeds = Object.fromEntries(Object.entries(byKey).map(([key, tensor]) => [signatureDef.inputs[key]?.name ?? key, tensor]));
  return { feeds, fetches: Object.values(signatureDef.outputs).map(({ name }) => name) };
}
