import { AshoreError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { Tensor } from "../tensor.ts";
import { ByteWriter } from "./byte-writer.ts";
import { rawBytes } from "./raw-text.ts";
import type { Example, Examples, Feature } from "./read-examples.ts";

/**
 * The examples as a model's string input takes them: one serialized `tf.Example` each (tensorflow/core/example), the
 * context's own bytes in front, as TensorFlow Serving joins them.
 * @throws LIMIT_EXCEEDED for more than LIMITS.contextBytes of contexts
 */
export function serializeExamples({ context, examples }: Examples): Tensor {
  const front = context === undefined ? new Uint8Array() : serialize(context);
  if (front.length * examples.length > LIMITS.contextBytes) {
    throw new AshoreError("LIMIT_EXCEEDED", `A context of ${front.length} bytes before each of ${examples.length} examples is more than the ${LIMITS.contextBytes} bytes that are taken; send fewer examples at a time.`);
  }
  return { dtype: "string", shape: [examples.length], data: examples.map((example) => serialize(example, front)) };
}

/** Of Feature, the field of a list. */
const LISTS = { bytes: 1, float: 2, int64: 3 } as const;

/** A feature with its sizes, which in protobuf's wire format stand before what they are of. */
interface Entry {
  readonly name: Uint8Array;
  readonly feature: Feature;
  /** Bytes of packed numbers. */
  readonly packed: number;
  /** Bytes of the list, of the Feature that holds it, and of the map's entry that holds that. */
  readonly list: number;
  readonly whole: number;
  readonly size: number;
}

// Field 1 of Example is Features, whose field 1 is the map's entries: a name (1) and a Feature (2), which holds a list.
function serialize(example: Example, front?: Uint8Array): Uint8Array {
  let size = 0;
  const entries: Entry[] = [];
  for (const [name, feature] of example) {
    const entry = measure(rawBytes(name), feature);
    entries.push(entry);
    size += fieldSize(entry.size);
  }
  const out = new ByteWriter((front?.length ?? 0) + fieldSize(size));
  if (front !== undefined) out.raw(front);
  putHead(out, 1, size);
  for (const entry of entries) {
    putHead(out, 1, entry.size);
    putField(out, 1, entry.name);
    putHead(out, 2, entry.whole);
    if (entry.feature.kind !== "none") putList(out, entry.feature, entry);
  }
  return out.finish();
}

function measure(name: Uint8Array, feature: Feature): Entry {
  let packed = 0;
  let list = 0;
  if (feature.kind === "float") packed = 4 * feature.values.length;
  else if (feature.kind === "int64") for (const value of feature.values) packed += int64Size(value);
  else if (feature.kind === "bytes") for (const value of feature.values) list += fieldSize(value.length);
  if (packed > 0) list = fieldSize(packed);
  const whole = feature.kind === "none" ? 0 : fieldSize(list);
  return { name, feature, packed, list, whole, size: fieldSize(name.length) + fieldSize(whole) };
}

/** The values are the list's field 1: floats and int64s packed into one, bytes in a field each. */
function putList(out: ByteWriter, feature: Exclude<Feature, { readonly kind: "none" }>, { list, packed }: Entry): void {
  putHead(out, LISTS[feature.kind], list);
  if (feature.kind === "bytes") {
    for (const value of feature.values) putField(out, 1, value);
    return;
  }
  putHead(out, 1, packed);
  if (feature.kind === "float") {
    out.reserve(packed);
    const view = new DataView(out.bytes.buffer, out.bytes.byteOffset);
    for (const value of feature.values) {
      view.setFloat32(out.length, value, true);
      out.length += 4;
    }
    return;
  }
  for (const value of feature.values) {
    if (isSmall(value)) putVarint(out, Number(value));
    else putLongVarint(out, BigInt.asUintN(64, value));
  }
}

function putField(out: ByteWriter, field: number, bytes: Uint8Array): void {
  putHead(out, field, bytes.length);
  out.raw(bytes);
}

/** The tag and the length of a length-delimited field. */
function putHead(out: ByteWriter, field: number, length: number): void {
  out.byte((field << 3) | 2);
  putVarint(out, length);
}

function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Beyond 2^53, numbers would be rounded to the next size. */
function int64Size(value: bigint): number {
  return isSmall(value) ? varintSize(Number(value)) : Math.ceil(BigInt.asUintN(64, value).toString(2).length / 7);
}

function isSmall(value: bigint): boolean {
  return value >= 0n && value <= Number.MAX_SAFE_INTEGER;
}

function varintSize(value: number): number {
  let size = 1;
  for (let left = value; left >= 0x80; left /= 0x80) size++;
  return size;
}

function putVarint(out: ByteWriter, value: number): void {
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) out.byte((left % 0x80) | 0x80);
  out.byte(left);
}

function putLongVarint(out: ByteWriter, value: bigint): void {
  let left = value;
  for (; left > 0x7fn; left >>= 7n) out.byte(Number(left & 0x7fn) | 0x80);
  out.byte(Number(left));
}
