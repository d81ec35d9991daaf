import { AshoreError } from "../../../../protocol/errors.ts";
import { readShape } from "../proto/attr-value.ts";
import { ProtoReader } from "../proto/proto-reader.ts";
import type { ReadBudget } from "../proto/read-budget.ts";
import type { Extent } from "./slices.ts";

/** A BundleEntryProto (tensorflow/core/protobuf/tensor_bundle.proto): where a tensor's bytes are. */
export interface BundleEntry {
  /** Its number in types.proto. */
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly shard: number;
  readonly offset: number;
  readonly size: number;
  /** Masked CRC-32C. */
  readonly crc: number;
  /** Where the tensor is stored in parts, and this entry has no bytes: its parts. */
  readonly slices: readonly (readonly Extent[])[];
}

export function readBundleEntry(bytes: Uint8Array<ArrayBuffer>, budget: ReadBudget): BundleEntry {
  const entry = { dtype: 0, shape: [] as readonly number[], shard: 0, offset: 0, size: 0, crc: 0 };
  const slices: (readonly Extent[])[] = [];
  const proto = new ProtoReader(bytes, budget);
  proto.all((field) => {
    if (field === 1) entry.dtype = proto.int();
    else if (field === 2) entry.shape = (readShape(proto).dim ?? []).map(({ size }) => Number(size));
    else if (field === 3) entry.shard = proto.int();
    else if (field === 4) entry.offset = proto.int();
    else if (field === 5) entry.size = proto.int();
    else if (field === 6) entry.crc = proto.fixed32();
    else if (field === 7) slices.push(readSlice(proto));
  });
  return { ...entry, slices };
}

function readSlice(proto: ProtoReader): readonly Extent[] {
  const extents: Extent[] = [];
  proto.message((field) => {
    if (field !== 1) return;
    let start = 0;
    let length = -1;
    proto.message((inner) => {
      if (inner === 1) start = proto.int();
      else if (inner === 2) length = proto.int();
    });
    extents.push({ start, length });
  });
  return extents;
}

/** How many data shards a bundle has, of its BundleHeaderProto. @throws MODEL_MALFORMED for one that is written big-endian */
export function readShardCount(bytes: Uint8Array<ArrayBuffer>, budget: ReadBudget): number {
  let shards = 0;
  let endianness = 0;
  const proto = new ProtoReader(bytes, budget);
  proto.all((field) => {
    if (field === 1) shards = proto.int();
    else if (field === 2) endianness = proto.int();
  });
  if (endianness !== 0) throw new AshoreError("MODEL_MALFORMED", `${budget.what} was written on a big-endian machine; little-endian variables are read.`);
  return shards;
}
