import type { EncodedBlob, Encoding, Manifest } from "../../protocol/manifest.ts";

/** Every blob of a version. */
export function blobsOf({ variants, assets }: Manifest): readonly EncodedBlob[] {
  return [...assets.map(({ blob }) => blob), ...variants.flatMap(({ graph, index, shards }) => [graph, index, ...shards])];
}

/** What a version's blobs travel as; each is a file of its own. */
export function encodingsOf(manifest: Manifest): readonly Pick<Encoding, "digest" | "size">[] {
  return blobsOf(manifest).flatMap(({ encodings }) => encodings);
}
