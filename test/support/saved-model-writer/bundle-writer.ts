import { compress } from "snappyjs";
import { DTYPES } from "../../../protocol/dtype.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { bytesOf, shapeProto, type Proto } from "./protos.ts";
import { encodeProto } from "./tensorflow-proto.ts";

export interface BundleOptions {
  /** Compress the blocks of the index, as TensorFlow up to 2.14 did. Default false. */
  readonly snappy?: boolean;
  /** How many data files. Default 1. */
  readonly shards?: number;
  /** How many entries a block of the index has. Default: all. */
  readonly blockEntries?: number;
}

/** A part of a variable; a length of -1 is the whole axis. */
export interface SliceOfVariable {
  readonly extents: readonly (readonly [start: number, length: number])[];
  readonly tensor: Tensor;
}

/** A variable by its key in the checkpoint: whole, or its shape and the parts that it is stored in. */
export type StoredVariable = Tensor | { readonly dtype: Tensor["dtype"]; readonly shape: readonly number[]; readonly slices: readonly SliceOfVariable[] };

/** A tensor bundle's files: `PREFIX.index` and its data. */
export function bundleFiles(prefix: string, variables: ReadonlyMap<string, StoredVariable>, { snappy = false, shards = 1, blockEntries = Infinity }: BundleOptions = {}): ReadonlyMap<string, Uint8Array> {
  const data = Array.from({ length: shards }, (): Uint8Array[] => []);
  let stored = 0;
  const store = ({ dtype, shape, data: elements }: Tensor): Proto => {
    const shard = stored++ % shards;
    const files = data[shard] ?? [];
    const { bytes, crc } = "buffer" in elements ? { bytes: bytesOf(elements), crc: crc32c(bytesOf(elements)) } : stringBytes(elements);
    const offset = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
    files.push(bytes);
    return { dtype: DTYPES[dtype].proto, shape: shapeProto(shape), shard_id: shard, offset, size: bytes.byteLength, crc32c: masked(crc) };
  };
  const entries: [key: Uint8Array, value: Uint8Array][] = [[new Uint8Array(), encodeProto("BundleHeaderProto", { num_shards: shards, version: { producer: 1 } })]];
  for (const [name, variable] of variables) {
    const key = Buffer.from(name);
    if (!("slices" in variable)) {
      entries.push([key, encodeProto("BundleEntryProto", store(variable))]);
      continue;
    }
    const { dtype, shape, slices } = variable;
    const extents = slices.map((slice) => ({ extent: slice.extents.map(([start, length]) => (length === -1 ? {} : { start, length })) }));
    entries.push([key, encodeProto("BundleEntryProto", { dtype: DTYPES[dtype].proto, shape: shapeProto(shape), slices: extents })]);
    for (const slice of slices) entries.push([sliceKey(name, slice.extents), encodeProto("BundleEntryProto", store(slice.tensor))]);
  }
  entries.sort(([a], [b]) => Buffer.compare(a, b));
  return new Map([
    [`${prefix}.index`, tableOf(entries, { snappy, blockEntries })],
    ...data.map((parts, shard): [string, Uint8Array] => [`${prefix}.data-${five(shard)}-of-${five(shards)}`, Buffer.concat(parts)]),
  ]);
}

const five = (n: number): string => String(n).padStart(5, "0");

/** Lengths as varints, the checksum of the lengths as fixed32, the strings; the whole's checksum is over fixed32 lengths too. */
function stringBytes(strings: readonly Uint8Array[]): { bytes: Uint8Array; crc: number } {
  const lengths = fixed32(...strings.map(({ byteLength }) => byteLength));
  const checksum = fixed32(masked(crc32c(lengths)));
  return {
    bytes: Buffer.concat([...strings.map(({ byteLength }) => varint(byteLength)), checksum, ...strings]),
    crc: crc32c(Buffer.concat([lengths, checksum, ...strings])),
  };
}

/** 0, the name, its end, the rank, and start and length of each axis. */
function sliceKey(name: string, extents: SliceOfVariable["extents"]): Uint8Array {
  const ordered = (n: number): number[] => (n < 0 ? [0x80 ^ (n & 0xff)] : n < 64 ? [0x80 + n] : [0xc0 | (n >> 8), n & 0xff]);
  return Buffer.concat([Buffer.of(0), Buffer.from(name), Buffer.of(0, 1, 1, extents.length), Buffer.from(extents.flat().flatMap(ordered))]);
}

/** LevelDB's table: data blocks, an empty metaindex, an index of the blocks by their last keys, a footer. */
function tableOf(entries: readonly (readonly [Uint8Array, Uint8Array])[], { snappy, blockEntries }: { readonly snappy: boolean; readonly blockEntries: number }): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  const put = (block: Uint8Array, compressed: boolean): Uint8Array => {
    const body = Buffer.concat([compressed ? compress(new Uint8Array(block)) : block, Buffer.of(compressed ? 1 : 0)]);
    const handle = Buffer.concat([varint(at), varint(body.byteLength - 1)]);
    parts.push(body, fixed32(masked(crc32c(body))));
    at += body.byteLength + 4;
    return handle;
  };
  const index: [Uint8Array, Uint8Array][] = [];
  for (let start = 0; start < entries.length; start += blockEntries) {
    const block = entries.slice(start, start + blockEntries);
    const last = block.at(-1)?.[0] ?? new Uint8Array();
    index.push([start + blockEntries < entries.length ? last : shortSuccessor(last), put(blockOf(block, 16), snappy)]);
  }
  const handles = Buffer.concat([put(blockOf([], 1), false), put(blockOf(index, 1), snappy)]);
  return Buffer.concat([...parts, handles, Buffer.alloc(40 - handles.byteLength), Buffer.from("57fb808b247547db", "hex")]);
}

/** The shortest key that sorts behind: what TensorFlow names the last block by. */
function shortSuccessor(key: Uint8Array): Uint8Array {
  const at = key.findIndex((byte) => byte !== 0xff);
  return at < 0 ? key : Uint8Array.from([...key.subarray(0, at), (key[at] ?? 0) + 1]);
}

/** Keys without what they share with the one before, whole again every `interval` entries. */
function blockOf(entries: readonly (readonly [Uint8Array, Uint8Array])[], interval: number): Uint8Array {
  const parts: Uint8Array[] = [];
  const restarts = [0];
  let before = new Uint8Array();
  let size = 0;
  for (const [at, [key, value]] of entries.entries()) {
    let shared = 0;
    if (at % interval === 0) {
      if (at > 0) restarts.push(size);
    } else while (shared < key.length && key[shared] === before[shared]) shared++;
    const entry = Buffer.concat([varint(shared), varint(key.length - shared), varint(value.length), key.subarray(shared), value]);
    parts.push(entry);
    size += entry.byteLength;
    before = new Uint8Array(key);
  }
  return Buffer.concat([...parts, fixed32(...restarts, restarts.length)]);
}

function varint(n: number): Uint8Array {
  const bytes: number[] = [];
  for (; n >= 128; n = Math.floor(n / 128)) bytes.push((n % 128) | 128);
  return Uint8Array.from([...bytes, n]);
}

function fixed32(...numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(numbers).buffer);
}

/** CRC-32C bit by bit: slow, and plain to see. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

export function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
