import { LIMITS } from "../../protocol/limits.ts";

export interface TensorSize {
  /** Bytes of one stored element; a shard holds one width. */
  readonly width: number;
  /** Bytes. */
  readonly size: number;
}

/** A run of a tensor's bytes in a shard. */
export interface Slice {
  /** Place in the list of tensors that was given. */
  readonly tensor: number;
  /** First byte of the tensor. */
  readonly start: number;
  readonly length: number;
}

export interface PlannedShard {
  readonly width: number;
  readonly size: number;
  readonly slices: readonly Slice[];
}

/** Where a tensor starts. */
export interface Placement {
  readonly tensor: number;
  readonly shard: number;
  readonly offset: number;
}

export interface ShardPlan {
  readonly shards: readonly PlannedShard[];
  /** In the order of the bytes. */
  readonly placements: readonly Placement[];
}

/**
 * Cuts shards at tensor borders: by element width, then in the order given, each of at most `shardBytes` unless one tensor
 * alone is larger. A tensor above LIMITS.shardBytes is sliced over shards of its own, so that what follows it does not move
 * when it changes.
 */
export function planShards(tensors: readonly TensorSize[], shardBytes: number): ShardPlan {
  const shards: PlannedShard[] = [];
  const placements: Placement[] = [];
  const order = tensors.map((tensor, index) => ({ ...tensor, index })).sort((a, b) => a.width - b.width || a.index - b.index);
  let open: { width: number; size: number; slices: Slice[] } | undefined;
  const close = (): void => {
    if (open !== undefined && open.size > 0) shards.push(open);
    open = undefined;
  };
  for (const { index, width, size } of order) {
    if (size > LIMITS.shardBytes) {
      close();
      placements.push({ tensor: index, shard: shards.length, offset: 0 });
      for (let start = 0; start < size; start += shardBytes) {
        const length = Math.min(shardBytes, size - start);
        shards.push({ width, size: length, slices: [{ tensor: index, start, length }] });
      }
      continue;
    }
    if (open !== undefined && (open.width !== width || open.size + size > shardBytes)) close();
    open ??= { width, size: 0, slices: [] };
    placements.push({ tensor: index, shard: shards.length, offset: open.size });
    if (size > 0) open.slices.push({ tensor: index, start: 0, length: size });
    open.size += size;
  }
  close();
  return { shards, placements };
}

/** What one shard with two encodings takes in a manifest, at most. */
const MANIFEST_BYTES_PER_SHARD = 450;

/**
 * The size to cut shards to: the default, doubled while a model needs so many that they would crowd the manifest, up to
 * LIMITS.shardBytes.
 */
export function shardBytesFor(tensors: readonly TensorSize[]): number {
  let shardBytes: number = LIMITS.defaultShardBytes;
  while (shardBytes < LIMITS.shardBytes && planShards(tensors, shardBytes).shards.length * MANIFEST_BYTES_PER_SHARD > LIMITS.manifestBytes / 2) {
    shardBytes = Math.min(2 * shardBytes, LIMITS.shardBytes);
  }
  return shardBytes;
}
