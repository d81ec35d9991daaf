import { AshoreError } from "../../protocol/errors.ts";
import type { NamedTensors, Tensor } from "../../protocol/tensor.ts";
import type { Servable } from "../activate/index.ts";
import type { Compute, ComputeOptions } from "./compute.ts";
import { feedsOf } from "./feeds.ts";
import { fromEngine } from "./from-engine.ts";
import type { Signature } from "./signature.ts";

/**
 * Runs a signature def: tensors by its input keys in its dtypes in, tensors by its output keys in its dtypes out.
 * @throws INVALID_ARGUMENT, UNIMPLEMENTED, LIMIT_EXCEEDED, and what computing throws
 */
export async function execute(compute: Compute, servable: Servable, signature: Signature, inputs: NamedTensors, options: ComputeOptions): Promise<NamedTensors> {
  const fetched = await compute(servable, signature, feedsOf(signature, inputs), options);
  const outputs: Record<string, Tensor> = {};
  for (const { key, name, dtype } of signature.outputs) {
    const tensor = fetched[name];
    if (tensor === undefined) throw new AshoreError("INTERNAL", `The engine did not answer ${name}, the output ${key}.`);
    outputs[key] = fromEngine(tensor, dtype, key);
  }
  return outputs;
}
