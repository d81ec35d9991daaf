import { AshoreError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { NamedTensors, Tensor } from "../tensor.ts";
import { isBase64Object } from "./base64-object.ts";
import type { RestDialect } from "./dialect.ts";
import { KIND, type JsonTape } from "./json-tape.ts";
import type { SignatureInputs, TensorFormat } from "./predict-format.ts";
import { readInstances, type InputTypes } from "./read-instances.ts";
import { readTensor, type ReadTensor } from "./read-tensor.ts";
import { badDocument, ROOT, type RequestBody } from "./request-body.ts";
import { elementType, narrow } from "./tensor-data.ts";

export interface PredictInputs {
  readonly format: TensorFormat;
  readonly tensors: NamedTensors;
}

export interface ReadPredictOptions extends Pick<RestDialect, "extendedDtypes"> {
  /**
   * Leave 8 and 16 bit integers as int32 and ranks unbounded, as TensorFlow Serving's decoder hands them to TensorFlow. By
   * default they are what TensorFlow makes of them: narrowed modulo 2^n, and no rank beyond 254.
   */
  readonly undigested?: boolean;
}

/**
 * The input tensors of a predict request (`json_tensor.cc`, `FillPredictRequestFromJson`, from where the model is known).
 * @throws INVALID_ARGUMENT; UNIMPLEMENTED for a dtype that JSON cannot carry, in columnar form
 */
export function readPredictInputs(body: RequestBody, inputs: SignatureInputs, options: ReadPredictOptions = {}): PredictInputs {
  return readNamedInputs(body, inputs, "inputs", options);
}

/** {@link readPredictInputs}, with another name for the columnar key. */
export function readNamedInputs(
  body: RequestBody,
  inputs: SignatureInputs,
  columnsKey: string,
  { undigested = false, extendedDtypes = false }: ReadPredictOptions = {},
): PredictInputs {
  const names = Object.keys(inputs);
  if (names.length === 0) {
    throw new AshoreError("INVALID_ARGUMENT", `Failed to get input map for signature: ${body.signatureName || "DEFAULT"}`);
  }
  const { document } = body;
  const instances = document.member(ROOT, "instances");
  const columns = document.member(ROOT, columnsKey);
  if (instances !== undefined && columns !== undefined) {
    throw badDocument(document, `Not formatted correctly expecting only one of '${columnsKey}' or 'instances' keys to exist `);
  }
  const types: InputTypes = Object.fromEntries(names.map((name) => [name, elementType(inputs[name]?.dtype ?? "float32", extendedDtypes)]));
  if (instances !== undefined) return { format: "row", tensors: finish(readInstances(document, instances, types), types, undigested) };
  if (columns !== undefined) return { format: "columnar", tensors: finish(readColumns(document, columns, types, columnsKey), types, undigested) };
  throw new AshoreError("INVALID_ARGUMENT", `Missing '${columnsKey}' or 'instances' key`);
}

function readColumns(document: JsonTape, value: number, inputs: InputTypes, columnsKey: string): Map<string, ReadTensor> {
  const tensors = new Map<string, ReadTensor>();
  if (document.kind(value) === KIND.object && !isBase64Object(document, value)) {
    for (const [name, type] of Object.entries(inputs)) {
      const item = document.member(value, name);
      if (item === undefined) throw new AshoreError("INVALID_ARGUMENT", `Missing named input: ${name} in '${columnsKey}' object.`);
      tensors.set(name, readTensor(document, item, type));
    }
    return tensors;
  }
  const [first, second] = Object.entries(inputs);
  if (second !== undefined) {
    throw new AshoreError(
      "INVALID_ARGUMENT",
      `${columnsKey} is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map`,
    );
  }
  if (first !== undefined) tensors.set(first[0], readTensor(document, value, first[1]));
  return tensors;
}

/** What TensorFlow Serving still checks before it runs the model (`predict_util.cc`), and the tensors as TensorFlow has them. */
function finish(read: ReadonlyMap<string, ReadTensor>, inputs: InputTypes, undigested: boolean): NamedTensors {
  checkInputSet([...read.keys()], Object.keys(inputs));
  const tensors: [string, Tensor][] = [];
  for (const [name, { shape, data }] of read) {
    const { dtype, carried } = inputs[name] ?? elementType("float32", false);
    if (undigested) tensors.push([name, { dtype: carried, shape, data }]);
    else if (shape.length <= LIMITS.tensorRank) tensors.push([name, { dtype, shape, data: narrow(data, dtype) }]);
    else throw new AshoreError("INVALID_ARGUMENT", `tensor parsing error: ${name}`);
  }
  return Object.fromEntries(tensors);
}

function checkInputSet(sent: string[], required: string[]): void {
  if (sent.length === required.length) return;
  sent.sort();
  required.sort();
  const extra = sent.filter((name) => !required.includes(name));
  const missing = required.filter((name) => !sent.includes(name));
  throw new AshoreError(
    "INVALID_ARGUMENT",
    `input size does not match signature: ${sent.length}!=${required.length} len({${sent.join(",")}}) != len({${required.join(",")}}). ` +
      `Sent extra: {${extra.join(",")}}. Missing but required: {${missing.join(",")}}.`,
  );
}
