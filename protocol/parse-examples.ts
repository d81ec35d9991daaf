import { DTYPES } from "./dtype.ts";
import { AshoreError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import type { ExampleFeature } from "./manifest.ts";
import { tensorOfJson } from "./small-tensor.ts";
import { elementCount, type Tensor } from "./tensor.ts";
import { eachField, putVarint64, varintEnd, WIRE } from "./wire-format.ts";

/** The lists that a Feature can hold, by their field in it. */
const LISTS = { 1: "string", 2: "float32", 3: "int64" } as const;
type Kind = ExampleFeature["dtype"];

/** TensorFlow's words for a list's values in a message about their number. */
const VALUES: Readonly<Record<Kind, string>> = { string: "bytes", float32: "float", int64: "int64" };

type Data = Float32Array<ArrayBuffer> | BigInt64Array<ArrayBuffer> | Uint8Array[];

/** A feature, laid out once for all requests. */
interface PlannedFeature {
  readonly feature: ExampleFeature;
  /** Elements for each example. */
  readonly size: number;
  readonly fallback: Data | undefined;
}

interface Plan {
  readonly features: readonly PlannedFeature[];
  readonly places: ReadonlyMap<string, number>;
  /** Elements of all features together. */
  readonly perExample: number;
}

const PLANS = new WeakMap<readonly ExampleFeature[], Plan>();

/** One feature of all examples. */
interface Column extends PlannedFeature {
  readonly data: Data;
  /** Over the bytes of `data`, where it is no list of strings. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** The last example that had it. */
  filledFor: number;
}

/**
 * The dense features of serialized `tf.Example`s, in the order asked for, each of shape [examples, …its own]; as
 * `tf.io.parse_example` (tensorflow/core/util/example_proto_fast_parsing.cc) reads them: of a name that comes twice the last
 * counts, one without a kind is as good as none, others than those asked for are passed over.
 * @throws INVALID_ARGUMENT in TensorFlow's words; LIMIT_EXCEEDED for more than LIMITS.exampleElements
 */
export function parseExamples({ shape, data }: Tensor, features: readonly ExampleFeature[]): readonly Tensor[] {
  if (shape.length !== 1) throw invalid(`Expected serialized to be a vector, got shape: [${shape}]`);
  const examples = data as readonly Uint8Array[];
  const { features: planned, places, perExample } = planOf(features);
  if (perExample * examples.length > LIMITS.exampleElements) {
    throw new AshoreError("LIMIT_EXCEEDED", `${examples.length} examples of ${perExample} elements each are more than the ${LIMITS.exampleElements} elements that are taken; send fewer examples at a time.`);
  }
  const columns = planned.map((feature) => columnFor(feature, examples.length));
  examples.forEach((example, index) => parseExample(example, index, columns, places));
  return columns.map(({ feature, data: column }) => ({ dtype: feature.dtype, shape: [examples.length, ...feature.shape], data: column }));
}

function planOf(features: readonly ExampleFeature[]): Plan {
  let plan = PLANS.get(features);
  if (plan === undefined) {
    const planned = features.map((feature) => ({ feature, size: elementCount(feature.shape), fallback: fallbackOf(feature) }));
    plan = { features: planned, places: new Map(features.map(({ key }, place) => [key, place])), perExample: planned.reduce((sum, { size }) => sum + size, 0) };
    PLANS.set(features, plan);
  }
  return plan;
}

function fallbackOf({ default: written, dtype, key }: ExampleFeature): Data | undefined {
  return written === undefined ? undefined : (tensorOfJson(written, dtype, `The default of the feature ${key}`).data as Data);
}

function columnFor(planned: PlannedFeature, examples: number): Column {
  const data = emptyData(planned.feature.dtype, planned.size * examples);
  const buffer = Array.isArray(data) ? new ArrayBuffer(0) : data.buffer;
  return { ...planned, data, bytes: new Uint8Array(buffer), words: new Int32Array(buffer), filledFor: -1 };
}

function emptyData(dtype: Kind, length: number): Data {
  if (dtype === "float32") return new Float32Array(length);
  return dtype === "int64" ? new BigInt64Array(length) : new Array<Uint8Array>(length);
}

function parseExample(bytes: Uint8Array, index: number, columns: readonly Column[], places: ReadonlyMap<string, number>): void {
  const entries = entriesOf(bytes, places);
  if (entries === undefined) throw invalid(`Could not parse example input, value: '${new TextDecoder().decode(bytes.subarray(0, LIMITS.echoBytes))}'`);
  for (const { place, kind, from, to } of entries.reverse()) {
    const column = columns[place];
    if (column === undefined || column.filledFor === index) continue;
    column.filledFor = index;
    const { feature, size } = column;
    const fault = (text: string): AshoreError => invalid(`Name: <unknown>, Key: ${feature.key}, Index: ${index}.  ${text}`);
    if (kind !== feature.dtype) throw fault(`Data types don't match. Data type: ${DTYPES[kind].tf} but expected type: ${DTYPES[feature.dtype].tf}`);
    const count = readList(bytes, from, to, column, index * size);
    if (count < 0) throw fault("Can't parse serialized Example.");
    if (count !== size) throw fault(`Number of ${VALUES[kind]} values != expected.  Values size: ${count} but output shape: [${feature.shape}]`);
  }
  for (const column of columns) if (column.filledFor !== index) fillIn(column, index);
}

/** The default for one example that has no such feature. */
function fillIn({ feature, data, size, fallback }: Column, index: number): void {
  if (fallback === undefined || fallback.length === 0) {
    throw invalid(`Name: <unknown>, Feature: ${feature.key} (data type: ${DTYPES[feature.dtype].tf}) is required but could not be found.`);
  }
  // Both are of the feature's dtype.
  for (let at = 0; at < size; at++) data[index * size + at] = (fallback[at] ?? fallback[0]) as never;
}

interface Entry {
  readonly place: number;
  readonly kind: Kind;
  /** Where its list lies. */
  readonly from: number;
  readonly to: number;
}

/** The features asked for, as often as they come; undefined where the bytes are no Example. */
function entriesOf(bytes: Uint8Array, places: ReadonlyMap<string, number>): Entry[] | undefined {
  const entries: Entry[] = [];
  // Of Example, field 1 is Features, whose field 1 is the map's entries.
  const isExample = eachMessage(bytes, 0, bytes.length, (features, end) => eachMessage(bytes, features, end, (from, to) => takeEntry(bytes, from, to, places, entries)));
  return isExample ? entries : undefined;
}

/** Takes each message that is a message's field 1. */
function eachMessage(bytes: Uint8Array, from: number, to: number, take: (from: number, to: number) => boolean): boolean {
  return eachField(bytes, from, to, (number, type, start, end) => number !== 1 || type !== WIRE.delimited || take(start, end));
}

/** An entry's field 1 is the name, its field 2 the Feature, whose only field is a list. Whether it is well formed. */
function takeEntry(bytes: Uint8Array, from: number, to: number, places: ReadonlyMap<string, number>, entries: Entry[]): boolean {
  let place = places.get("");
  let [valueFrom, valueTo] = [0, 0];
  const isEntry = eachField(bytes, from, to, (number, type, start, end) => {
    if (number === 1 && type === WIRE.delimited) place = places.get(decoder.decode(bytes.subarray(start, end)));
    if (number === 2 && type === WIRE.delimited) [valueFrom, valueTo] = [start, end];
    return true;
  });
  if (!isEntry || place === undefined) return isEntry;
  const found = place;
  let entry: Entry | undefined;
  const isFeature = eachField(bytes, valueFrom, valueTo, (number, type, start, end) => {
    if (type === WIRE.delimited && (number === 1 || number === 2 || number === 3)) entry = { place: found, kind: LISTS[number], from: start, to: end };
    return true;
  });
  if (entry !== undefined) entries.push(entry);
  return isFeature;
}

const decoder = new TextDecoder();

/** A list's values (its field 1), as many as have room; how many there are, or -1 where the bytes are no such list. */
function readList(bytes: Uint8Array, from: number, to: number, column: Column, start: number): number {
  let count = 0;
  const isList = eachField(bytes, from, to, (number, type, first, end) => {
    const read = number === 1 ? readValues(bytes, type, first, end, column, start, count) : 0;
    count += read;
    return read >= 0;
  });
  return isList ? count : -1;
}

/** The values of one field: one, or of numbers as many as are packed together. */
function readValues(bytes: Uint8Array, type: number, from: number, to: number, { feature: { dtype }, size, data, bytes: out, words }: Column, start: number, count: number): number {
  const room = size - count;
  if (Array.isArray(data)) {
    if (type !== WIRE.delimited) return -1;
    if (room > 0) data[start + count] = bytes.subarray(from, to);
    return 1;
  }
  if (dtype === "float32") {
    if ((type !== WIRE.delimited && type !== WIRE.fourBytes) || (to - from) % 4 !== 0) return -1;
    if (room > 0) out.set(bytes.subarray(from, Math.min(to, from + 4 * room)), 4 * (start + count));
    return (to - from) / 4;
  }
  if (type !== WIRE.delimited && type !== WIRE.varint) return -1;
  let read = 0;
  for (let at = from; at < to; read++) {
    const end = varintEnd(bytes, at, to);
    if (end < 0) return -1;
    if (read < room) putVarint64(bytes, at, end, words, 2 * (start + count + read));
    at = end;
  }
  return read;
}

function invalid(message: string): AshoreError {
  return new AshoreError("INVALID_ARGUMENT", message);
}
