import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import { parseTensorIndex } from "../../../protocol/tensor-index.ts";
import type { ImportedTensor } from "../../../sync-server/import/index.ts";
import { cutShards } from "../../../sync-server/publish/cut-shards.ts";
import { planShards, shardBytesFor } from "../../../sync-server/publish/plan.ts";

const MIB = 1024 * 1024;
const sized = (width: number, ...sizes: number[]) => sizes.map((size) => ({ width, size }));
const sizes = (tensors: readonly { width: number; size: number }[], shardBytes = 4 * MIB): number[] => planShards(tensors, shardBytes).shards.map(({ size }) => size);

describe("cutting shards", () => {
  test("whole tensors lie together up to the shard size; one that is larger has a shard of its own", () => {
    expect(sizes(sized(4, MIB, 2 * MIB, 2 * MIB, 9 * MIB, 4))).toEqual([3 * MIB, 2 * MIB, 9 * MIB, 4]);
  });

  test("a shard holds one element width, narrow ones first, each in the order given", () => {
    const { shards, placements } = planShards([...sized(4, 40, 44), ...sized(1, 7), ...sized(4, 48), ...sized(2, 6)], 4 * MIB);
    expect(shards.map(({ width, size }) => [width, size])).toEqual([[1, 7], [2, 6], [4, 132]]);
    expect(placements).toEqual([
      { tensor: 2, shard: 0, offset: 0 }, { tensor: 4, shard: 1, offset: 0 },
      { tensor: 0, shard: 2, offset: 0 }, { tensor: 1, shard: 2, offset: 40 }, { tensor: 3, shard: 2, offset: 84 },
    ]);
  });

  test("a tensor above 16 MiB is sliced, and what follows it starts a shard of its own", () => {
    const { shards, placements } = planShards(sized(4, 4, 17 * MIB, 8), 4 * MIB);
    expect(shards.map(({ size }) => size)).toEqual([4, 4 * MIB, 4 * MIB, 4 * MIB, 4 * MIB, MIB, 8]);
    expect(placements.map(({ shard, offset }) => [shard, offset])).toEqual([[0, 0], [1, 0], [6, 0]]);
  });

  test("no model, only empty tensors, and empty tensors among others", () => {
    expect(planShards([], MIB)).toEqual({ shards: [], placements: [] });
    expect(planShards(sized(4, 0, 0), MIB).shards).toEqual([]);
    expect(planShards(sized(4, 0, 8, 0), MIB).shards.map(({ size }) => size)).toEqual([8]);
  });

  test("a model with very many shards gets larger ones, up to what a device takes", () => {
    const many = Array.from({ length: 2000 }, () => ({ width: 4, size: MIB }));
    expect(shardBytesFor(sized(4, MIB))).toBe(LIMITS.defaultShardBytes);
    expect(shardBytesFor(many)).toBe(LIMITS.shardBytes);
  });
});

describe("the tensor index", () => {
  const tensor = (name: string, bytes: Uint8Array<ArrayBuffer>, width: 1 | 4 = 4): ImportedTensor => ({ name, dtype: width === 4 ? "float32" : "bool", shape: [bytes.byteLength / width], width, bytes });
  const noise = (size: number, seed: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed * 7) % 251);

  test("leads to every tensor's bytes, sliced and empty ones too", () => {
    const tensors = [tensor("big", noise(17 * MIB, 1)), tensor("flags", noise(5, 2), 1), tensor("none", new Uint8Array()), tensor("small", noise(40, 3))];
    const { index, shards } = cutShards(tensors, LIMITS.defaultShardBytes);
    const parsed = parseTensorIndex(index, shards.map(({ bytes }) => bytes.byteLength));
    expect(shards.every(({ bytes }) => bytes.byteLength <= LIMITS.shardBytes)).toBe(true);
    for (const { name, bytes } of tensors) {
      const entry = parsed.tensors.find((one) => one.name === name);
      if (entry === undefined) throw new Error(`${name} is not in the index`);
      const found = Buffer.concat(shards.slice(entry.shard).map((shard, place) => shard.bytes.subarray(place === 0 ? entry.offset : 0))).subarray(0, entry.size);
      expect(found.equals(bytes), name).toBe(true);
    }
  });

  test("an untouched tensor's shard keeps its bytes when another tensor changes its values", () => {
    const before = cutShards([tensor("a", noise(3 * MIB, 1)), tensor("b", noise(3 * MIB, 2))], LIMITS.defaultShardBytes);
    const after = cutShards([tensor("a", noise(3 * MIB, 9)), tensor("b", noise(3 * MIB, 2))], LIMITS.defaultShardBytes);
    expect(Buffer.compare(before.shards[1]?.bytes ?? Buffer.of(1), after.shards[1]?.bytes ?? Buffer.of(2))).toBe(0);
    expect(Buffer.compare(before.shards[0]?.bytes ?? Buffer.of(1), after.shards[0]?.bytes ?? Buffer.of(1))).not.toBe(0);
    expect(Buffer.compare(before.index, after.index)).toBe(0);
  });
});
