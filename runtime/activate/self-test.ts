import { AshoreError } from "../../protocol/errors.ts";
import { graphInputs } from "../../protocol/graph-inputs.ts";
import type { Manifest, SelfTest, SignatureDef } from "../../protocol/manifest.ts";
import { selfTestFault, selfTestInputs } from "../../protocol/self-test.ts";
import type { NamedTensors, Tensor } from "../../protocol/tensor.ts";
import type { HostedModel, WithSignal } from "../ports.ts";

/**
 * Computes what the publisher's machine computed, and compares.
 * @throws SELF_TEST_FAILED with what is wrong, and whatever the engine throws
 */
export async function runSelfTest({ signatureDefs, model, version }: Manifest, selfTest: SelfTest, hosted: HostedModel, options: WithSignal): Promise<void> {
  const def = signatureDefs[selfTest.signatureDef];
  if (def === undefined) throw new AshoreError("SELF_TEST_FAILED", `The self-test of ${model} version ${version} is for the signature def ${selfTest.signatureDef}, which it does not have.`);
  const outputs = await runSignature(hosted, def, selfTestInputs(selfTest, def), options);
  const fault = selfTestFault(selfTest, outputs);
  if (fault !== undefined) {
    throw new AshoreError("SELF_TEST_FAILED", `The self-test of ${model} version ${version} failed on ${hosted.backend}: ${fault}. This device computes something else than the publisher's machine did, so it does not serve the version.`);
  }
}

/** Runs a signature def on what its graph is fed with, in the engine's dtypes already; answers by the signature def's keys. */
export async function runSignature(hosted: HostedModel, def: SignatureDef, inputs: NamedTensors, options: WithSignal): Promise<NamedTensors> {
  const feeds: Record<string, Tensor> = {};
  for (const [key, { name }] of Object.entries(graphInputs(def))) {
    const tensor = inputs[key];
    if (tensor !== undefined) feeds[name] = tensor;
  }
  const outputs = Object.entries(def.outputs);
  const fetched = await hosted.run(feeds, [...new Set(outputs.map(([, { name }]) => name))], options);
  const answer: Record<string, Tensor> = {};
  for (const [key, { name }] of outputs) {
    const tensor = fetched[name];
    if (tensor !== undefined) answer[key] = tensor;
  }
  return answer;
}
