import { digestOfHex, type Digest } from "../../protocol/digest.ts";
import type { Manifest } from "../../protocol/manifest.ts";
import type { TargetInfo } from "../../protocol/serving-config.ts";
import type { Journal } from "../ports.ts";
import { blobsOf } from "../sync/plan.ts";

/** The manifests whose blobs are to be kept: of all versions held, and of those being fetched. */
export function keptManifests(journal: Journal, fetching: readonly TargetInfo[]): readonly Digest[] {
  const held = Object.values(journal.models).flatMap((record) => record.held.map(({ manifest }) => manifest));
  return [...held, ...fetching].map(({ sha256 }) => digestOfHex(sha256));
}

/**
 * The blobs that nothing kept needs: no serving config, no version held or being fetched. `manifests` has what is known of
 * the kept manifests; of one that is lost, nothing can be loaded without fetching it again, so it keeps nothing besides.
 */
export function unneeded<Blob extends { readonly digest: Digest }>(stored: readonly Blob[], journal: Journal, fetching: readonly TargetInfo[], manifests: ReadonlyMap<Digest, Manifest>): readonly Blob[] {
  const needed = new Set<Digest>();
  for (const { config } of Object.values(journal.models)) if (config !== null) needed.add(digestOfHex(config.target.sha256));
  for (const digest of keptManifests(journal, fetching)) {
    needed.add(digest);
    const manifest = manifests.get(digest);
    if (manifest !== undefined) for (const blob of blobsOf(manifest)) needed.add(blob.digest);
  }
  return stored.filter(({ digest }) => !needed.has(digest));
}
