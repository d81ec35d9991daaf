import type { DType } from "../dtype.ts";
import { AshoreError } from "../errors.ts";
import type { TensorData } from "../tensor.ts";
import { blockData } from "./block-data.ts";
import { echo } from "./echo.ts";
import { KIND, NODE_WORDS, type JsonTape } from "./json-tape.ts";
import { unfold } from "./parse-json.ts";
import { readBool, readInteger, readNumber, readString, refuseLeaf, type ReadLeaf } from "./read-leaf.ts";
import { carriedDType, dataOver } from "./tensor-data.ts";

/** A JSON value as a tensor. 8 and 16 bit integers are still int32, as TensorFlow Serving's own messages carry them. */
export interface ReadTensor {
  readonly shape: readonly number[];
  readonly data: TensorData;
}

const readInt32 = readInteger(-(2n ** 31n), 2n ** 31n - 1n);
const readUint32 = readInteger(0n, 2n ** 32n - 1n);
const readInt64 = readInteger(-(2n ** 63n), 2n ** 63n - 1n);
const readUint64 = readInteger(0n, 2n ** 64n - 1n);

/**
 * The tensor that a JSON value stands for (`json_tensor.cc`, `FillTensorProto`): its shape from the first element at each
 * level, each leaf by its dtype's rule.
 * @throws INVALID_ARGUMENT, UNIMPLEMENTED
 */
export function readTensor(tape: JsonTape, node: number, dtype: DType): ReadTensor {
  const block = tape.block(node);
  if (block === undefined) {
    const shape = shapeOf(tape, node);
    return { shape, data: readLeaves({ tape, shape, dtype }, node) };
  }
  const data = blockData(tape.values.subarray(block.from, block.to), block, dtype);
  if (data !== undefined) return { shape: block.shape, data };
  const list = unfold(tape, node);
  return readTensor(list.tape, list.node, dtype);
}

interface Reading {
  readonly tape: JsonTape;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

function shapeOf(tape: JsonTape, node: number): readonly number[] {
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
  const dtype = carriedDType(reading.dtype);
  switch (dtype) {
    case "float32":
      return Float32Array.from(leaves(reading, node, readNumber));
    case "float64":
      return Float64Array.from(leaves(reading, node, readNumber));
    case "int32":
      return Int32Array.from(leaves(reading, node, readInt32), Number);
    case "uint32":
      return Uint32Array.from(leaves(reading, node, readUint32), Number);
    case "int64":
      return BigInt64Array.from(leaves(reading, node, readInt64));
    case "uint64":
      return BigUint64Array.from(leaves(reading, node, readUint64));
    case "bool":
      return Uint8Array.from(leaves(reading, node, readBool));
    case "string":
      return leaves(reading, node, readString);
    default:
      leaves(reading, node, refuseLeaf);
      return dataOver(dtype, new ArrayBuffer(0));
  }
}

/** All leaves in order: each at the depth, and each array of the size, that the shape says. */
function leaves<T>(reading: Reading, root: number, read: ReadLeaf<T>): T[] {
  const found: T[] = [];
  collect(reading, root, 0, read, found);
  return found;
}

function collect<T>(reading: Reading, root: number, rootLevel: number, read: ReadLeaf<T>, found: T[]): void {
  const { tape, shape, dtype } = reading;
  const ends: number[] = [];
  const end = tape.next(root);
  for (let node = root; node < end; ) {
    while (ends.at(-1) === node) ends.pop();
    const level = rootLevel + ends.length;
    const kind = tape.kind(node);
    if (kind === KIND.block) {
      // Beside nodes that kept the array around it from being a block; its own array has none inside.
      const list = unfold(tape, node);
      collect({ ...reading, tape: list.tape }, list.node, level, read, found);
      node += NODE_WORDS;
    } else if (kind === KIND.array) {
      checkArray(level, tape.count(node), shape);
      ends.push(tape.next(node));
      node += NODE_WORDS;
    } else {
      if (level !== shape.length) throw wrongLevel(tape, node, level, shape.length);
      found.push(read(tape, node, dtype));
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

function wrongLevel(tape: JsonTape, node: number, level: number, rank: number): AshoreError {
  return new AshoreError(
    "INVALID_ARGUMENT",
    `JSON Value: ${echo(tape, node)} found at incorrect level: ${level + 1} in the JSON DOM. Expected at level: ${rank}`,
  );
}
