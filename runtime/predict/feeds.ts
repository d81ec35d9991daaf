import { AshoreError } from "../../protocol/errors.ts";
import { parseExamples } from "../../protocol/parse-examples.ts";
import type { NamedTensors, Tensor } from "../../protocol/tensor.ts";
import type { Signature } from "./signature.ts";
import { toEngine } from "./to-engine.ts";

/**
 * What the graph is fed for a request, in the engine's dtypes: its inputs, or their defaults, or what is parsed out of the
 * serialized `tf.Example`s that its input is.
 * @throws INVALID_ARGUMENT, UNIMPLEMENTED, LIMIT_EXCEEDED
 */
export function feedsOf({ def, inputs, feeds, defaults }: Signature, given: NamedTensors): NamedTensors {
  const tensors = inputs.map(({ key, dtype }) => {
    const tensor = given[key] ?? defaults.get(key);
    if (tensor === undefined) throw new AshoreError("INVALID_ARGUMENT", `Missing named input: ${key}.`);
    if (def.examples === undefined || tensor.dtype === dtype) return tensor;
    throw new AshoreError("INVALID_ARGUMENT", `Input ${key} is ${tensor.dtype} where the signature def says ${dtype}.`);
  });
  const [examples] = tensors;
  const parsed = def.examples === undefined || examples === undefined ? tensors : parseExamples(examples, def.examples.features);
  const fed: Record<string, Tensor> = {};
  feeds.forEach((port, place) => {
    const tensor = parsed[place];
    if (tensor !== undefined) fed[port.name] = toEngine(tensor, port);
  });
  return fed;
}
