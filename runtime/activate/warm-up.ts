import type { Manifest, SignatureDef } from "../../protocol/manifest.ts";
import { selfTestInputs } from "../../protocol/self-test.ts";
import { asAshoreError } from "../../protocol/errors.ts";
import type { HostedModel, WithSignal } from "../ports.ts";
import { runSignature } from "./self-test.ts";

/**
 * One inference before the first request, since the first is many times slower (kernels are compiled, weights packed). Its
 * inputs are the self-test's, which the model is known to take, or else made to fit the first signature def, each unknown
 * size 1; a model that refuses a made-up input is not at fault.
 * @throws what the engine throws, but for INVALID_ARGUMENT on made-up inputs
 */
export async function warmUp({ selfTest, signatureDefs }: Manifest, hosted: HostedModel, options: WithSignal): Promise<void> {
  const tested = selfTest === null ? undefined : signatureDefs[selfTest.signatureDef];
  if (selfTest !== null && tested !== undefined) {
    await runSignature(hosted, tested, selfTestInputs(selfTest, tested), options);
    return;
  }
  const def = signatureDefs["serving_default"] ?? Object.values(signatureDefs)[0];
  const inputs = def === undefined ? undefined : madeUpShapes(def);
  if (def === undefined || inputs === undefined) return;
  try {
    await runSignature(hosted, def, selfTestInputs({ seed: 1, inputs }, def), options);
  } catch (thrown) {
    if (asAshoreError(thrown).code !== "INVALID_ARGUMENT") throw thrown;
  }
}

/** Shapes to try; undefined where an input's rank is unknown, or its dtype cannot be made up. */
function madeUpShapes({ inputs }: SignatureDef): Record<string, { shape: number[] }> | undefined {
  const shapes: Record<string, { shape: number[] }> = {};
  for (const [key, { shape, dtype }] of Object.entries(inputs)) {
    if (shape === null || dtype === "complex64" || dtype === "complex128") return undefined;
    shapes[key] = { shape: shape.map((size) => (size < 0 ? 1 : size)) };
  }
  return shapes;
}
