import type { DType } from "../dtype.ts";
import { AshoreError } from "../errors.ts";
import type { TensorData } from "../tensor.ts";
import { blockData } from "./block-data.ts";
import { echo } from "./echo.ts";
import { KIND, NODE_WORDS, type JsonTape } from "./json-tape.ts";
import { unfold } from "./parse-json.ts";
import { readBool, readInteger, readNumber, readSmallInteger, readString, refuseLeaf, type ReadLeaf } from "./read-leaf.ts";
import { dataOver, type ElementType } from "./tensor-data.ts";

/** A JSON value as a tensor. 8 and 16 bit integers are still int32, as TensorFlow Serving's own messages carry them. */
export interface ReadTensor {
  readonly shape: readonly number[];
  readonly data: TensorData;
}

const readInt32 = readSmallInteger(-(2 ** 31), 2 ** 31 - 1);
const readUint32 = readSmallInteger(0, 2 ** 32 - 1);
const readInt64 = readInteger(-(2n ** 63n), 2n ** 63n - 1n);
const readUint64 = readInteger(0n, 2n ** 64n - 1n);

/**
 * The tensor that a JSON value stands for (`json_tensor.cc`, `FillTensorProto`): its shape from the first element at each
 * level, each leaf by its dtype's rule.
 * @throws INVALID_ARGUMENT, UNIMPLEMENTED
 */
export function readTensor(tape: JsonTape, node: number, type: ElementType): ReadTensor {
  const block = tape.block(node);
  if (block === undefined) {
    const shape = shapeOf(tape, node);
    return { shape, data: readLeaves({ tape, shape, type }, node) };
  }
  const data = blockData(tape.values.subarray(block.from, block.to), block, type.carried);
  if (data !== undefined) return { shape: block.shape, data };
  const list = unfold(tape, node);
  return readTensor(list.tape, list.node, type);
}

/** A value's shape and number of elements, if it is a tensor of that type; nothing is kept of it. It throws as {@link readTensor}. */
export function measureTensor(tape: JsonTape, node: number, type: ElementType): { readonly shape: readonly number[]; readonly size: number } {
  const shape = shapeOf(tape, node);
  let size = 0;
  visitLeaves({ tape, shape, type }, node, 0, LEAVES[type.carried] ?? refuseLeaf, () => size++);
  return { shape, size };
}

const LEAVES: Readonly<Partial<Record<DType, ReadLeaf<number | bigint | Uint8Array>>>> = {
  float32: readNumber,
  float64: readNumber,
  int32: readInt32,
  uint32: readUint32,
  int64: readInt64,
  uint64: readUint64,
  bool: readBool,
  string: readString,
};

interface Reading {
  readonly tape: JsonTape;
  readonly shape: readonly number[];
  readonly type: ElementType;
}

const SCALAR: readonly number[] = [];

function shapeOf(tape: JsonTape, node: number): readonly number[] {
  if (!tape.isArray(node)) return SCALAR;
  const shape: number[] = [];
  for (let first = node; tape.isArray(first); first += NODE_WORDS) {
    const block = tape.block(first);
    if (block !== undefined) return [...shape, ...block.shape];
    const size = tape.count(first);
    shape.push(size);
    if (size === 0) break;
  }
  return shape;
}

function readLeaves(reading: Reading, node: number): TensorData {
  const { carried } = reading.type;
  switch (carried) {
    case "float32":
      return new Float32Array(leaves(reading, node, readNumber));
    case "float64":
      return new Float64Array(leaves(reading, node, readNumber));
    case "int32":
      return new Int32Array(leaves(reading, node, readInt32));
    case "uint32":
      return new Uint32Array(leaves(reading, node, readUint32));
    case "int64":
      return new BigInt64Array(leaves(reading, node, readInt64));
    case "uint64":
      return new BigUint64Array(leaves(reading, node, readUint64));
    case "bool":
      return new Uint8Array(leaves(reading, node, readBool));
    case "string":
      return leaves(reading, node, readString);
    default:
      leaves(reading, node, refuseLeaf);
      return dataOver(carried, new ArrayBuffer(0));
  }
}

function leaves<T>(reading: Reading, root: number, read: ReadLeaf<T>): T[] {
  const found: T[] = [];
  visitLeaves(reading, root, 0, read, (leaf) => found.push(leaf));
  return found;
}

/** All leaves in order: each at the depth, and each array of the size, that the shape says. */
function visitLeaves<T>(reading: Reading, root: number, rootLevel: number, read: ReadLeaf<T>, visit: (leaf: T) => void): void {
  const {
    tape,
    shape,
    type: { dtype },
  } = reading;
  if (!tape.isArray(root)) {
    checkLeaf(tape, root, rootLevel, shape);
    visit(read(tape, root, dtype));
    return;
  }
  const ends: number[] = [];
  const end = tape.next(root);
  for (let node = root; node < end; ) {
    while (ends.at(-1) === node) ends.pop();
    const level = rootLevel + ends.length;
    const kind = tape.kind(node);
    if (kind === KIND.block) {
      // Beside nodes that kept the array around it from being a block; its own array has none inside.
      const list = unfold(tape, node);
      visitLeaves({ ...reading, tape: list.tape }, list.node, level, read, visit);
      node += NODE_WORDS;
    } else if (kind === KIND.array) {
      checkArray(level, tape.count(node), shape);
      ends.push(tape.next(node));
      node += NODE_WORDS;
    } else {
      checkLeaf(tape, node, level, shape);
      visit(read(tape, node, dtype));
      node = tape.next(node);
    }
  }
}

function checkArray(level: number, size: number, shape: readonly number[]): void {
  const expected = shape[level];
  if (expected === undefined) {
    throw new AshoreError("INVALID_ARGUMENT", `Encountered list at unexpected level: ${level} expected < ${shape.length}`);
  }
  if (size !== expected) {
    throw new AshoreError("INVALID_ARGUMENT", `Encountered list at unexpected size: ${size} at level: ${level} expected size: ${expected}`);
  }
}

function checkLeaf(tape: JsonTape, node: number, level: number, shape: readonly number[]): void {
  if (level === shape.length) return;
  throw new AshoreError(
    "INVALID_ARGUMENT",
    `JSON Value: ${echo(tape, node)} found at incorrect level: ${level + 1} in the JSON DOM. Expected at level: ${shape.length}`,
  );
}
