import { AshoreError } from "../errors.ts";
import { elementCount, type NamedTensors } from "../tensor.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { RestDialect } from "./dialect.ts";
import type { TensorFormat } from "./predict-format.ts";
import { indent, outputsOf, type Output } from "./write-output.ts";

/**
 * The answer of a predict request (`json_tensor.cc`, `MakeJsonFromTensors`), in RapidJSON's pretty layout. Several outputs
 * come in the order of `outputs`; one loses its name. Strings of an output whose name ends in `_bytes` are base64.
 * @throws INVALID_ARGUMENT
 */
export function writePredictAnswer(outputs: NamedTensors, format: TensorFormat, dialect?: RestDialect): Uint8Array<ArrayBuffer> {
  const named = outputsOf(outputs, dialect);
  if (named.length === 0) throw new AshoreError("INVALID_ARGUMENT", "Cannot convert empty tensor map to JSON");
  const out = new ByteWriter(256 + 12 * named.reduce((count, { size }) => count + size, 0));
  if (format === "row") writeRows(out, named);
  else writeColumns(out, named);
  return out.finish();
}

function writeRows(out: ByteWriter, outputs: readonly Output[]): void {
  const batch = batchSize(outputs);
  out.ascii('{\n    "predictions": [');
  const [first, second] = outputs;
  if (first !== undefined && second === undefined) first.writeItems(out, 0, 0, 2, true);
  else for (let row = 0; row < batch; row++) writeRow(out, outputs, row);
  out.ascii(batch === 0 ? "]\n}" : "\n    ]\n}");
}

function writeRow(out: ByteWriter, outputs: readonly Output[], row: number): void {
  out.ascii(`${row === 0 ? "" : ","}${indent(2)}{`);
  outputs.forEach((output, index) => {
    if (index > 0) out.ascii(",");
    output.writeKey(out, 3);
    output.writeValue(out, 1, row * elementCount(output.shape.slice(1)), 3, true);
  });
  out.ascii(`${indent(2)}}`);
}

function writeColumns(out: ByteWriter, outputs: readonly Output[]): void {
  out.ascii('{\n    "outputs": ');
  const [first, second] = outputs;
  if (first !== undefined && second === undefined) first.writeValue(out, 0, 0, 1, false);
  else {
    out.ascii("{");
    outputs.forEach((output, index) => {
      if (index > 0) out.ascii(",");
      output.writeKey(out, 2);
      output.writeValue(out, 0, 0, 2, false);
    });
    out.ascii(`${indent(1)}}`);
  }
  out.ascii("\n}");
}

function batchSize(outputs: readonly Output[]): number {
  let batch: number | undefined;
  for (const { name, shape } of outputs) {
    const [size] = shape;
    if (size === undefined) throw new AshoreError("INVALID_ARGUMENT", `Tensor name: ${name} has no shape information `);
    if (batch !== undefined && batch !== size) {
      throw new AshoreError("INVALID_ARGUMENT", `Tensor name: ${name} has inconsistent batch size: ${size} expecting: ${batch}`);
    }
    batch = size;
  }
  return batch ?? 0;
}
