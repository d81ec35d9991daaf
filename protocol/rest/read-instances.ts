import { AshoreError, asAshoreError, canonicalCode } from "../errors.ts";
import type { TensorData } from "../tensor.ts";
import { isBase64Object } from "./base64-object.ts";
import { echo } from "./echo.ts";
import { KIND, NODE_WORDS, type JsonTape } from "./json-tape.ts";
import { unfold } from "./parse-json.ts";
import { measureTensor, readTensor, type ReadTensor } from "./read-tensor.ts";
import { badDocument } from "./request-body.ts";
import { joinData, type ElementType } from "./tensor-data.ts";

/** The signature def's inputs, as they are read. */
export type InputTypes = Readonly<Record<string, ElementType>>;

/**
 * The tensors of a request in row format (`json_tensor.cc`, `FillTensorMapFromInstancesList`): each element a value of the
 * only input, or an object with a value for every input; all values of an input alike in shape, and batched.
 * @throws INVALID_ARGUMENT
 */
export function readInstances(document: JsonTape, instances: number, inputs: InputTypes): ReadonlyMap<string, ReadTensor> {
  if (!document.isArray(instances)) throw badDocument(document, "Expecting 'instances' to be an list/array");
  const block = document.block(instances);
  const count = block === undefined ? document.count(instances) : (block.shape[0] ?? 0);
  if (count === 0) throw badDocument(document, "No values in 'instances' array");

  const first = instances + NODE_WORDS;
  const isObject = block === undefined && document.kind(first) === KIND.object;
  if (!isObject && Object.keys(inputs).length > 1) {
    throw new AshoreError(
      "INVALID_ARGUMENT",
      "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map",
    );
  }
  if (isObject && isNamed(document, first)) return readObjects(document, instances, inputs, count);
  return readValues(document, instances, inputs);
}

/** An object that is not the base64 form of a string. */
function isNamed(document: JsonTape, element: number): boolean {
  return document.kind(element) === KIND.object && !isBase64Object(document, element);
}

function readObjects(document: JsonTape, instances: number, inputs: InputTypes, count: number): ReadonlyMap<string, ReadTensor> {
  const columns = new Columns(inputs);
  const required = Object.keys(inputs).sort();
  let index = 0;
  for (const element of document.children(instances)) {
    if (!isNamed(document, element)) throw new AshoreError("INVALID_ARGUMENT", `Expecting object but got list at item ${index} of input list`);
    const keys = new Set<string>();
    for (const key of document.children(element)) {
      const name = document.name(key);
      keys.add(name);
      try {
        columns.add(document, key + NODE_WORDS, name);
      } catch (thrown) {
        throw faultOf(`element: ${index} key: ${name}`, thrown);
      }
    }
    if (keys.size !== required.length) {
      throw new AshoreError(
        "INVALID_ARGUMENT",
        `Failed to process element: ${index} of 'instances' list. JSON object: ${echo(document, element)} keys must be equal to: ${required.join(",")}`,
      );
    }
    index++;
  }
  return columns.tensors(count);
}

/** What is never asked for: a signature def without inputs was refused before. */
const FLOAT: ElementType = { dtype: "float32", carried: "float32" };

function readValues(document: JsonTape, instances: number, inputs: InputTypes): ReadonlyMap<string, ReadTensor> {
  const [[name, type] = ["", FLOAT]] = Object.entries(inputs);
  try {
    // Instances that are all alike are one tensor as they stand.
    return new Map([[name, readTensor(document, instances, type)]]);
  } catch (thrown) {
    const { tape, node } = unfold(document, instances);
    findFault(tape, node, type);
    throw thrown;
  }
}

/** Which instance is at fault, and how, only a look at one after the other tells. */
function findFault(document: JsonTape, instances: number, type: ElementType): void {
  let first: Measure | undefined;
  let index = 0;
  for (const element of document.children(instances)) {
    if (isNamed(document, element)) {
      throw new AshoreError("INVALID_ARGUMENT", `Expecting value/list but got object at item ${index} of input list`);
    }
    try {
      const measure = measureTensor(document, element, type);
      first ??= measure;
      checkAlike(first, measure);
    } catch (thrown) {
      throw faultOf(`element: ${index}`, thrown);
    }
    index++;
  }
}

function faultOf(place: string, thrown: unknown): AshoreError {
  const error = asAshoreError(thrown);
  const status = `${canonicalCode(error.code)}: ${error.message}`;
  return new AshoreError("INVALID_ARGUMENT", `Failed to process ${place} of 'instances' list. Error: ${status}`, { cause: error });
}

interface Measure {
  readonly shape: readonly number[];
  readonly size: number;
}

function checkAlike(first: Measure, { shape, size }: Measure): void {
  if (first.size !== size) throw new AshoreError("INVALID_ARGUMENT", `Expecting tensor size: ${first.size} but got: ${size}`);
  if (first.shape.length !== shape.length || first.shape.some((length, level) => length !== shape[level])) {
    throw new AshoreError("INVALID_ARGUMENT", `Expecting shape [${first.shape.join(",")}] but got: [${shape.join(",")}]`);
  }
}

/** The values of each input, instance by instance. */
class Columns {
  readonly #inputs: InputTypes;
  readonly #columns = new Map<string, Measure & { readonly parts: TensorData[] }>();

  constructor(inputs: InputTypes) {
    this.#inputs = inputs;
  }

  add(document: JsonTape, node: number, name: string): void {
    const type = Object.hasOwn(this.#inputs, name) ? this.#inputs[name] : undefined;
    if (type === undefined) throw new AshoreError("INVALID_ARGUMENT", `JSON object: does not have named input: ${name}`);
    const { shape, data } = readTensor(document, node, type);
    const column = this.#columns.get(name);
    if (column === undefined) {
      this.#columns.set(name, { shape, size: data.length, parts: [data] });
      return;
    }
    checkAlike(column, { shape, size: data.length });
    column.parts.push(data);
  }

  /** Each input's values as one tensor of `count` instances; what a key said twice adds beyond them is left out, as in TensorFlow. */
  tensors(count: number): ReadonlyMap<string, ReadTensor> {
    const tensors = new Map<string, ReadTensor>();
    for (const [name, { shape, size, parts }] of this.#columns) {
      const { carried } = this.#inputs[name] ?? FLOAT;
      tensors.set(name, { shape: [count, ...shape], data: joinData(carried, parts, count * size) });
    }
    return tensors;
  }
}
