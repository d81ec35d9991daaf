import type { Manifest } from "../protocol/manifest.ts";
import type { NamedTensors } from "../protocol/tensor.ts";
import { feedsOf, signatureOf } from "../runtime/predict/index.ts";
import type { HostedModel, RunOptions } from "../runtime/ports.ts";

/**
 * One inference as a runtime makes it of a request's tensors, on a model that no runtime has.
 * @throws INVALID_ARGUMENT, UNIMPLEMENTED, LIMIT_EXCEEDED, and what the engine throws
 */
export async function inferOnce(hosted: Pick<HostedModel, "run">, signatureDefs: Manifest["signatureDefs"], name: string, inputs: NamedTensors, options: RunOptions): Promise<void> {
  const signature = signatureOf({ signatureDefs }, name);
  await hosted.run(feedsOf(signature, inputs), signature.fetches, options);
}
