import { DTYPES } from "../dtype.ts";
import { AshoreError } from "../errors.ts";
import type { NamedTensors, Tensor } from "../tensor.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { RestDialect } from "./dialect.ts";
import { isUtf8 } from "./raw-text.ts";
import { isByteStrings } from "./tensor-data.ts";
import { decimalText, writeBase64Object } from "./write-elements.ts";
import { writeString } from "./write-string.ts";

/**
 * A classify answer: for each example its pairs of a label and a score; a missing label is "", a missing score 0.0.
 * @param batch the number of examples sent
 * @throws INVALID_ARGUMENT
 */
export function writeClassifyAnswer(outputs: NamedTensors, batch: number, { strictJson = false }: RestDialect = {}): Uint8Array<ArrayBuffer> {
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
      const label = stringAt(labels, at);
      (strictJson && !isUtf8(label) ? writeBase64Object : writeString)(out, label, 4);
      out.ascii(`, ${decimalText(numberAt(scores, at), "float32", strictJson)}]`);
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
export function writeRegressAnswer(outputs: NamedTensors, batch: number, { strictJson = false }: RestDialect = {}): Uint8Array<ArrayBuffer> {
  const values = outputs["outputs"];
  if (values === undefined) throw invalid("Could not find output tensor 'outputs'");
  const { shape, dtype } = values;
  if (!(shape.length === 1 || (shape.length === 2 && shape[1] === 1))) {
    throw invalid(`Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [${shape.join(",")}]`);
  }
  if (shape[0] !== batch) throw invalid(`Input batch size did not match output batch size: ${batch} vs. ${shape[0]}`);
  if (dtype !== "float32") throw invalid(`Expected output Tensor of DT_FLOAT.  Got: ${DTYPES[dtype].proto}`);
  const printed = Array.from({ length: batch }, (_, index) => decimalText(numberAt(values, index), "float32", strictJson));
  return new TextEncoder().encode(`{\n    "results": [${printed.join(", ")}]\n}`);
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
