import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { printManifest, type EncodedBlob, type Manifest } from "../../protocol/manifest.ts";

/**
 * A manifest within LIMITS.manifestBytes: where it would be larger, the reasons of what is not served are left out, then the
 * encodings that save least, then the self-test's samples.
 * @throws LIMIT_EXCEEDED
 */
export function fitManifest(manifest: Manifest): Manifest {
  if (fits(manifest)) return manifest;
  const { unserved, ...served } = manifest;
  if (unserved !== undefined) return fitManifest(served);
  const savings = blobsOf(manifest).map(saving).sort((a, b) => a - b);
  for (let share = 1; share <= 4; share++) {
    const least = savings[Math.floor((savings.length * share) / 4)] ?? Number.POSITIVE_INFINITY;
    const smaller = mapBlobs(manifest, (blob) => (saving(blob) < least ? { ...blob, encodings: blob.encodings.slice(-1) } : blob));
    if (fits(smaller)) return smaller;
  }
  const bare = mapBlobs(withoutSamples(manifest), (blob) => ({ ...blob, encodings: blob.encodings.slice(-1) }));
  if (fits(bare)) return bare;
  const { length } = printManifest(bare);
  throw new AshoreError("LIMIT_EXCEEDED", `The manifest of ${manifest.model} ${manifest.version} has ${length} bytes; devices take at most ${LIMITS.manifestBytes}. The model has too many shards (${blobsOf(manifest).length}), inputs or outputs.`);
}

function fits(manifest: Manifest): boolean {
  return printManifest(manifest).byteLength <= LIMITS.manifestBytes;
}

/** Bytes that a blob's best encoding saves. */
function saving({ size, encodings }: EncodedBlob): number {
  return size - Math.min(...encodings.map((encoding) => encoding.size));
}

function blobsOf({ assets, variants }: Manifest): EncodedBlob[] {
  return [...assets.map(({ blob }) => blob), ...variants.flatMap(({ graph, index, shards }) => [graph, index, ...shards])];
}

function mapBlobs(manifest: Manifest, change: (blob: EncodedBlob) => EncodedBlob): Manifest {
  return {
    ...manifest,
    assets: manifest.assets.map(({ path, blob }) => ({ path, blob: change(blob) })),
    variants: manifest.variants.map((variant) => ({ ...variant, graph: change(variant.graph), index: change(variant.index), shards: variant.shards.map(change) })),
  };
}

function withoutSamples(manifest: Manifest): Manifest {
  const { selfTest } = manifest;
  if (selfTest === null) return manifest;
  const outputs = Object.fromEntries(Object.entries(selfTest.outputs).map(([key, output]) => [key, { ...output, samples: [] }]));
  return { ...manifest, selfTest: { ...selfTest, outputs } };
}
