import { printTensorIndex } from "../../protocol/tensor-index.ts";
import type { ImportedTensor } from "../import/index.ts";
import { planShards } from "./plan.ts";

export interface CutShard {
  /** Bytes of one element. */
  readonly width: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface CutModel {
  readonly index: Uint8Array<ArrayBuffer>;
  readonly shards: readonly CutShard[];
}

/** A model's weights as shards of about `shardBytes`, and the index that says where each lies. */
export function cutShards(tensors: readonly ImportedTensor[], shardBytes: number): CutModel {
  const plan = planShards(tensors.map(({ width, bytes }) => ({ width, size: bytes.byteLength })), shardBytes);
  const at = (place: number): ImportedTensor => {
    const tensor = tensors[place];
    if (tensor === undefined) throw new RangeError(`no tensor ${place}`);
    return tensor;
  };
  const shards = plan.shards.map(({ width, size, slices }) => {
    const bytes = new Uint8Array(size);
    let offset = 0;
    for (const { tensor, start, length } of slices) {
      bytes.set(at(tensor).bytes.subarray(start, start + length), offset);
      offset += length;
    }
    return { width, bytes };
  });
  const index = printTensorIndex({
    schemaVersion: 1,
    tensors: plan.placements.map(({ tensor, shard, offset }) => {
      const { name, dtype, shape, bytes, quantization } = at(tensor);
      return { name, dtype, shape: [...shape], shard, offset, size: bytes.byteLength, ...(quantization === undefined ? {} : { quantization }) };
    }),
  });
  return { index, shards };
}
