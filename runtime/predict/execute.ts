import { AshoreError } from "../../protocol/errors.ts";
import type { NamedTensors, Tensor } from "../../protocol/tensor.ts";
import type { Servable } from "../activate/index.ts";
import type { RunOptions } from "../ports.ts";
import { feedsOf } from "./feeds.ts";
import { fromEngine } from "./from-engine.ts";
import type { Signature } from "./signature.ts";

/**
 * Runs a signature def: tensors by its input keys in its dtypes in, tensors by its output keys in its dtypes out.
 * @throws INVALID_ARGUMENT, UNIMPLEMENTED, LIMIT_EXCEEDED, and what the engine throws
 */
export async function execute(servable: Servable, signature: Signature, inputs: NamedTensors, options: RunOptions): Promise<NamedTensors> {
  const feeds = feedsOf(signature, inputs);
  const began = servable.time.begin();
  const fetched = await servable.hosted.run(feeds, signature.fetches, options);
  servable.time.end(began);
  const outputs: Record<string, Tensor> = {};
  for (const { key, name, dtype } of signature.outputs) {
    const tensor = fetched[name];
    if (tensor === undefined) throw new AshoreError("INTERNAL", `The engine did not answer ${name}, the output ${key}.`);
    outputs[key] = fromEngine(tensor, dtype, key);
  }
  return outputs;
}
