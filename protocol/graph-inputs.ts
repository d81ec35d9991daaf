import type { SignatureDef, TensorInfo } from "./manifest.ts";

/**
 * What a signature def's graph is fed with, by key: its inputs, or, where the input is a batch of serialized `tf.Example`s, the
 * features that are parsed out of them.
 */
export function graphInputs({ inputs, examples }: SignatureDef): Readonly<Record<string, TensorInfo>> {
  if (examples === undefined) return inputs;
  return Object.fromEntries(examples.features.map(({ key, tensor, dtype, shape }) => [key, { name: tensor, dtype, shape: [-1, ...shape] }]));
}
