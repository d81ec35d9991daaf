import { metadataFileName, NO_FLOORS, type MetaFile, type TrustedSet } from "../../protocol/tuf/index.ts";
import type { AheadSource } from "./ahead-source.ts";
import { walkRootChain, type RootChain, type RootChainOptions } from "./root-chain.ts";
import { floorsOf, keysOf, keysRotated, readSeen, seenOf, writeSeen } from "./seen.ts";

export interface CycleOptions extends RootChainOptions {
  /** Told of the roles that the snapshot names anew, before the first of them is asked for. */
  readonly expect?: AheadSource["expect"] | undefined;
}

/**
 * The whole workflow of The Update Framework (5.1-5.6, the top-level targets). Each role's raw bytes are stored as soon as
 * its own checks pass, in the order of the workflow, and none before; what was seen is stored before the bytes that show it,
 * so that a crash between the two loses no protection.
 */
export async function updateCycle(options: CycleOptions): Promise<RootChain> {
  const { source, store, now, signal } = options;
  const chain = await walkRootChain(options);
  const { set } = chain;
  const root = set.root.signed;
  const seen = await readSeen(store);
  const remember = (time: number): Promise<void> => writeSeen(store, seenOf(set.floors, root, time));
  const lastTime = seen?.time ?? 0;

  const rotated = keysRotated(keysOf(chain.before.signed), root) || (seen !== undefined && keysRotated(seen.keys, root));
  if (rotated) {
    await store.delete(metadataFileName("timestamp")); // 5.3.11
    await store.delete(metadataFileName("snapshot"));
    await writeSeen(store, seenOf(NO_FLOORS, root, lastTime));
  }
  set.finishRoot(rotated ? NO_FLOORS : floorsOf(seen)); // 5.3.10

  const storedTimestamp = await store.read(metadataFileName("timestamp"));
  if (storedTimestamp !== undefined) await set.loadTimestamp(storedTimestamp);
  const timestamp = await source.timestamp({ signal }); // 5.4.1
  if (await set.updateTimestamp(timestamp)) {
    await remember(lastTime);
    await store.write(metadataFileName("timestamp"), timestamp); // 5.4.5
  }

  const before = set.floors.roles;
  const storedSnapshot = await store.read(metadataFileName("snapshot"));
  if (storedSnapshot === undefined || !(await set.loadSnapshot(storedSnapshot))) {
    const snapshot = await source.role("snapshot", snapshotFile(set), root.consistentSnapshot, { signal }); // 5.3.12, 5.5.1
    await set.updateSnapshot(snapshot);
    await remember(lastTime);
    await store.write(metadataFileName("snapshot"), snapshot); // 5.5.7
  }

  options.expect?.(changedRoles(set, before), root.consistentSnapshot, { signal });
  await ensureRole(set, "targets", "root", options);
  await remember(now);
  return chain;
}

/** Metadata of a targets role, out of the store where that is current, else from the repository (5.6). */
export async function ensureRole(set: TrustedSet, role: string, delegator: string, { source, store, signal }: Pick<CycleOptions, "source" | "store" | "signal">): Promise<void> {
  const name = metadataFileName(role);
  const stored = await store.read(name);
  if (stored !== undefined && (await set.loadTargets(stored, role, delegator))) return;
  const bytes = await source.role(role, set.roleFile(role), set.root.signed.consistentSnapshot, { signal }); // 5.3.12, 5.6.1
  await set.updateTargets(bytes, role, delegator);
  await store.write(name, bytes); // 5.6.6
}

/** Listed by the snapshot in another version than was seen before. */
function changedRoles(set: TrustedSet, before: ReadonlyMap<string, number>): ReadonlyMap<string, MetaFile> {
  return new Map([...set.floors.roles].filter(([role, version]) => before.get(role) !== version).map(([role]) => [role, set.roleFile(role)]));
}

function snapshotFile(set: TrustedSet) {
  // The set is past its timestamp here, or would have thrown.
  return set.timestamp!.signed.snapshot;
}
