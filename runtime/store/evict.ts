import type { TargetInfo } from "../../protocol/serving-config.ts";
import type { BlobStore, WithSignal } from "../ports.ts";
import { refuseAborted } from "../sync/abort.ts";
import type { JournalKeeper } from "./journal-keeper.ts";
import { keptManifests, unneeded } from "./plan.ts";
import { readManifests } from "./read-version.ts";

export interface Evicted {
  readonly blobs: number;
  readonly bytes: number;
}

/**
 * Deletes the blobs that nothing needs: no version held, no serving config, none of `fetching` (the manifests of versions
 * being fetched now). Deletes nothing where the journal is not ours to judge by. `blobs` must verify what it reads.
 * @throws STORE_FAILED, CANCELLED
 */
export async function evictUnneeded(blobs: BlobStore, keeper: JournalKeeper, fetching: readonly TargetInfo[], options: WithSignal = {}): Promise<Evicted> {
  if (!keeper.persistent) return { blobs: 0, bytes: 0 };
  const stored = await blobs.list();
  const manifests = await readManifests(blobs, keptManifests(keeper.current(), fetching), options);
  // As it is after the reads, so that what was committed meanwhile counts.
  const victims = unneeded(stored, keeper.current(), fetching, manifests);
  for (const { digest } of victims) {
    refuseAborted(options);
    await blobs.delete(digest);
  }
  return { blobs: victims.length, bytes: victims.reduce((sum, { size }) => sum + size, 0) };
}
