import type { Digest } from "../../protocol/digest.ts";
import { canDecode } from "../../protocol/encoding/index.ts";
import type { EncodedBlob, Encoding, Manifest, Variant } from "../../protocol/manifest.ts";

/** A version's blobs: those of the variants named, and its assets; each digest once. */
export function blobsOf(manifest: Manifest, variants: readonly Variant[] = manifest.variants): readonly EncodedBlob[] {
  const blobs = [...variants.flatMap(({ graph, index, shards }) => [graph, index, ...shards]), ...manifest.assets.map(({ blob }) => blob)];
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}

export interface DeviceBlobs {
  /** Whether a blob, the base of a delta, is held. */
  readonly holds: (digest: Digest) => boolean;
  /** Digests of encodings that did not give what they promised. */
  readonly failed: (encoding: Digest) => boolean;
}

/**
 * The encodings that can be decoded with what is held, in the order to try them: the smallest first, and those that failed
 * before behind all others, so that a blob is never out of reach for a fault that may have been repaired.
 */
export function planBlob(blob: EncodedBlob, { holds, failed }: DeviceBlobs): readonly Encoding[] {
  return blob.encodings
    .filter((encoding) => canDecode(encoding, holds))
    .sort((a, b) => Number(failed(a.digest)) - Number(failed(b.digest)) || a.size - b.size);
}

export interface VersionPlan {
  /** What is to be fetched, in this order: what decides whether the version can run at all (graph, index) first, as the manifest has it. */
  readonly blobs: readonly { readonly blob: EncodedBlob; readonly encodings: readonly Encoding[] }[];
  /** What travels if every first encoding does. */
  readonly totalBytes: number;
}

/** How to fetch the blobs that are missing. */
export function planVersion(missing: readonly EncodedBlob[], device: DeviceBlobs): VersionPlan {
  const blobs = missing.map((blob) => ({ blob, encodings: planBlob(blob, device) }));
  return { blobs, totalBytes: blobs.reduce((sum, { encodings }) => sum + (encodings[0]?.size ?? 0), 0) };
}
