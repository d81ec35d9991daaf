import { AshoreError } from "../errors.ts";
import type { SignatureDef } from "../manifest.ts";

/**
 * Whether a signature def can classify (`classifier.cc`, `PreProcessClassification`): one input `inputs`, and outputs
 * `classes`, `scores` or both.
 * @throws INVALID_ARGUMENT
 */
export function checkClassifySignature({ inputs, outputs }: SignatureDef): void {
  checkInputCount(inputs);
  const found = Object.keys(outputs).length;
  if (found !== 1 && found !== 2) throw invalid(`Expected one or two output Tensors, found ${found}`);
  checkInputName(inputs, "classification");
  if (!Object.hasOwn(outputs, "classes") && !Object.hasOwn(outputs, "scores")) {
    throw invalid(`Expected classification signature outputs to contain at least one of "classes" or "scores". Signature was: ${Object.keys(outputs).join(", ")}`);
  }
}

/**
 * Whether a signature def can regress (`regressor.cc`, `PreProcessRegression`): one input `inputs`, one output `outputs`.
 * @throws INVALID_ARGUMENT
 */
export function checkRegressSignature({ inputs, outputs }: SignatureDef): void {
  checkInputCount(inputs);
  if (Object.keys(outputs).length !== 1) throw invalid("Expected one output Tensor.");
  checkInputName(inputs, "regression");
  if (!Object.hasOwn(outputs, "outputs")) throw invalid(`No regression outputs found in SignatureDef: its output is ${Object.keys(outputs).join(", ")}`);
}

function checkInputCount(inputs: SignatureDef["inputs"]): void {
  if (Object.keys(inputs).length !== 1) throw invalid("Expected one input Tensor.");
}

function checkInputName(inputs: SignatureDef["inputs"], what: string): void {
  if (!Object.hasOwn(inputs, "inputs")) throw invalid(`No ${what} inputs found in SignatureDef: its input is ${Object.keys(inputs).join(", ")}`);
}

function invalid(message: string): AshoreError {
  return new AshoreError("INVALID_ARGUMENT", message);
}
