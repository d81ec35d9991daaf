import { asAshoreError } from "../../protocol/errors.ts";
import { graphInputs } from "../../protocol/graph-inputs.ts";
import type { Manifest, SignatureDef } from "../../protocol/manifest.ts";
import { selfTestInputs } from "../../protocol/self-test.ts";
import type { NamedTensors } from "../../protocol/tensor.ts";
import type { HostedModel, WithSignal } from "../ports.ts";
import { runSignature } from "./self-test.ts";

/** An inference that can be made without a request: to warm up before the first one, and to compare backends. */
export interface SampleInference {
  readonly def: SignatureDef;
  readonly inputs: NamedTensors;
  /** Nobody knows whether the model takes such inputs. */
  readonly isMadeUp: boolean;
}

/**
 * Its inputs are the self-test's, which the model is known to take, or else made to fit the first signature def, each unknown
 * size 1; undefined where none can be made.
 */
export function sampleInference({ selfTest, signatureDefs }: Manifest): SampleInference | undefined {
  const tested = selfTest === null ? undefined : signatureDefs[selfTest.signatureDef];
  if (selfTest !== null && tested !== undefined) return { def: tested, inputs: selfTestInputs(selfTest, tested), isMadeUp: false };
  const def = signatureDefs["serving_default"] ?? Object.values(signatureDefs)[0];
  const inputs = def === undefined ? undefined : madeUpShapes(def);
  return def === undefined || inputs === undefined ? undefined : { def, inputs: selfTestInputs({ seed: 1, inputs }, def), isMadeUp: true };
}

/** @throws what the engine throws, but for INVALID_ARGUMENT on made-up inputs: a model that refuses them is not at fault */
export async function runSample({ def, inputs, isMadeUp }: SampleInference, hosted: HostedModel, options: WithSignal): Promise<void> {
  try {
    await runSignature(hosted, def, inputs, options);
  } catch (thrown) {
    if (!isMadeUp || asAshoreError(thrown).code !== "INVALID_ARGUMENT") throw thrown;
  }
}

/** Shapes to try; undefined where an input's rank is unknown, or its dtype cannot be made up. */
function madeUpShapes(def: SignatureDef): Record<string, { shape: number[] }> | undefined {
  const shapes: Record<string, { shape: number[] }> = {};
  for (const [key, { shape, dtype }] of Object.entries(graphInputs(def))) {
    if (shape === null || dtype === "complex64" || dtype === "complex128") return undefined;
    shapes[key] = { shape: shape.map((size) => (size < 0 ? 1 : size)) };
  }
  return shapes;
}
