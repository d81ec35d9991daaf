import { DTYPES } from "../dtype.ts";
import { AshoreError } from "../errors.ts";
import type { SignatureDef } from "../manifest.ts";
import type { NamedTensors, Tensor } from "../tensor.ts";
import { ByteWriter } from "./byte-writer.ts";
import { formatDecimal } from "./format-g.ts";
import { isByteStrings } from "./tensor-data.ts";
import { writeString } from "./write-string.ts";

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
    throw invalid('Expected classification signature outputs to contain at least one of "classes" or "scores". Signature has: ' + Object.keys(outputs).join(", "));
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

/**
 * A classify answer: for each example its pairs of a label and a score; a missing label is "", a missing score 0.0.
 * @param batch the number of examples sent
 * @throws INVALID_ARGUMENT
 */
export function writeClassifyAnswer(outputs: NamedTensors, batch: number): Uint8Array<ArrayBuffer> {
  const labels = outputs["classes"];
  const scores = outputs["scores"];
  if (labels !== undefined) checkPairs("classes", labels, "string", batch);
  if (scores !== undefined) checkPairs("scores", scores, "float32", batch);
  const classes = labels?.shape[1] ?? scores?.shape[1] ?? 0;
  if (scores !== undefined && scores.shape[1] !== classes) {
    throw invalid(`Tensors class and score should match in dim_size(1). Got ${classes} vs. ${scores.shape[1]}`);
  }
  const out = new ByteWriter(256 + 32 * batch * classes);
  out.ascii('{\n    "results": [');
  for (let row = 0; row < batch; row++) {
    out.ascii(row === 0 ? "[" : ", [");
    for (let at = row * classes; at < (row + 1) * classes; at++) {
      out.ascii(at === row * classes ? "[" : ", [");
      writeString(out, stringAt(labels, at));
      out.ascii(`, ${formatDecimal(numberAt(scores, at), "float32")}]`);
    }
    out.ascii("]");
  }
  out.ascii("\n    ]\n}");
  return out.finish();
}

/**
 * A regress answer: one number for each example.
 * @param batch the number of examples sent
 * @throws INVALID_ARGUMENT
 */
export function writeRegressAnswer(outputs: NamedTensors, batch: number): Uint8Array<ArrayBuffer> {
  const values = outputs["outputs"];
  if (values === undefined) throw invalid("Could not find output tensor 'outputs'");
  const { shape, dtype } = values;
  if (!(shape.length === 1 || (shape.length === 2 && shape[1] === 1))) {
    throw invalid(`Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [${shape.join(",")}]`);
  }
  if (shape[0] !== batch) throw invalid(`Input batch size did not match output batch size: ${batch} vs. ${shape[0]}`);
  if (dtype !== "float32") throw invalid(`Expected output Tensor of DT_FLOAT.  Got: ${DTYPES[dtype].proto}`);
  const printed = Array.from({ length: batch }, (_, index) => formatDecimal(numberAt(values, index), "float32"));
  return new TextEncoder().encode(`{\n    "results": [${printed.join(", ")}]\n}`);
}

function checkOneInput(inputs: SignatureDef["inputs"], what: string): void {
  const names = Object.keys(inputs);
  if (names.length !== 1) throw invalid("Expected one input Tensor.");
  if (names[0] !== "inputs") throw invalid(`No ${what} inputs found in SignatureDef: its input is ${names.join(", ")}`);
}

function checkPairs(name: string, { shape, dtype }: Tensor, expected: "string" | "float32", batch: number): void {
  if (shape.length !== 2) throw invalid(`Expected Tensor shape: [batch_size num_classes] but got [${shape.join(",")}]`);
  if (dtype !== expected) throw invalid(`Expected ${name} Tensor of ${DTYPES[expected].proto}. Got: ${DTYPES[dtype].proto}`);
  if (shape[0] !== batch) throw invalid(`Expected ${name} output batch size of ${batch}. Got: ${shape[0]}`);
}

function stringAt(tensor: Tensor | undefined, index: number): Uint8Array {
  return (tensor !== undefined && isByteStrings(tensor.data) ? tensor.data[index] : undefined) ?? new Uint8Array();
}

function numberAt(tensor: Tensor | undefined, index: number): number {
  return tensor?.data instanceof Float32Array ? (tensor.data[index] ?? 0) : 0;
}

function invalid(message: string): AshoreError {
  return new AshoreError("INVALID_ARGUMENT", message);
}
