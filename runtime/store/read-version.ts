import { digestOfHex, type Digest } from "../../protocol/digest.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { parseManifest, type EncodedBlob, type Manifest, type Variant } from "../../protocol/manifest.ts";
import type { TargetInfo } from "../../protocol/serving-config.ts";
import type { BlobStore, ModelBytes, WithSignal } from "../ports.ts";
import { inParallel } from "../sync/in-parallel.ts";

/**
 * The manifest of a version that is held; undefined where its bytes are gone or damaged. `blobs` must verify what it reads.
 * @throws STORE_FAILED, CANCELLED
 */
export async function readManifest(blobs: BlobStore, target: TargetInfo, options: WithSignal = {}): Promise<Manifest | undefined> {
  const bytes = await blobs.get(digestOfHex(target.sha256), options);
  return bytes === undefined ? undefined : parseManifest(bytes);
}

/** Those of the manifests that are stored whole, by digest. As {@link readManifest}. */
export async function readManifests(blobs: BlobStore, digests: readonly Digest[], options: WithSignal = {}): Promise<ReadonlyMap<Digest, Manifest>> {
  const manifests = new Map<Digest, Manifest>();
  for (const digest of digests) {
    const bytes = await blobs.get(digest, options);
    if (bytes !== undefined) manifests.set(digest, parseManifest(bytes, `the stored manifest ${digest}`));
  }
  return manifests;
}

/** A variant's bytes, each hashed as it was read; or the blobs that are gone or damaged and must be fetched again. */
export type StoredVariant = { readonly whole: true; readonly bytes: ModelBytes } | { readonly whole: false; readonly missing: readonly EncodedBlob[] };

/**
 * Reads a variant out of the store, LIMITS.parallelFetches blobs at a time. `blobs` must verify what it reads. The buffers
 * are the caller's, also where two shards have the same digest.
 * @throws STORE_FAILED, CANCELLED
 */
export async function readVariant(blobs: BlobStore, { graph, index, shards }: Variant, options: WithSignal = {}): Promise<StoredVariant> {
  const wanted = [graph, index, ...shards];
  const read = await inParallel(wanted, LIMITS.parallelFetches, (blob) => blobs.get(blob.digest, options));
  const missing = wanted.filter((_, i) => read[i] === undefined);
  const [graphBytes, indexBytes, ...shardBytes] = read.filter((bytes) => bytes !== undefined);
  if (missing.length > 0 || graphBytes === undefined || indexBytes === undefined) return { whole: false, missing };
  return { whole: true, bytes: { graph: graphBytes, index: indexBytes, shards: shardBytes } };
}
