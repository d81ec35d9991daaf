import { AshoreError } from "../errors.ts";
import type { SignatureDef } from "../manifest.ts";

/**
 * Whether a signature def can classify (`classifier.cc`, `PreProcessClassification`): one input `inputs`, and outputs
 * `classes`, `scores` or both.
 * @throws INVALID_ARGUMENT
 */
export function checkClassifySignature({ inputs, outputs }: SignatureDef): void {
  checkOneInput(inputs, "classification");
  const found = Object.keys(outputs).length;
  if (found !== 1 && found !== 2) throw invalid(`Expected one or two output Tensors, found ${found}`);
  if (!Object.hasOwn(outputs, "classes") && !Object.hasOwn(outputs, "scores")) {
    throw invalid(`Expected classification signature outputs to contain at least one of "classes" or "scores". Signature was: ${Object.keys(outputs).join(", ")}`);
  }
}

/**
 * Whether a signature def can regress (`regressor.cc`, `PreProcessRegression`): one input `inputs`, one output `outputs`.
 * @throws INVALID_ARGUMENT
 */
export function checkRegressSignature({ inputs, outputs }: SignatureDef): void {
  checkOneInput(inputs, "regression");
  if (Object.keys(outputs).length !== 1) throw invalid("Expected one output Tensor.");
  if (!Object.hasOwn(outputs, "outputs")) throw invalid(`No regression outputs found in SignatureDef: its output is ${Object.keys(outputs).join(", ")}`);
}

function checkOneInput(inputs: SignatureDef["inputs"], what: string): void {
  const names = Object.keys(inputs);
  if (names.length !== 1) throw invalid("Expected one input Tensor.");
  if (names[0] !== "inputs") throw invalid(`No ${what} inputs found in SignatureDef: its input is ${names.join(", ")}`);
}

function invalid(message: string): AshoreError {
  return new AshoreError("INVALID_ARGUMENT", message);
}
