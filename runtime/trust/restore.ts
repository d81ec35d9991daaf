import { digestOf } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { metadataFileName, TrustedSet } from "../../protocol/tuf/index.ts";
import type { RecordStore } from "../ports.ts";
import { isPinned, readRootPin } from "./root-pin.ts";
import { floorsOf, readSeen } from "./seen.ts";

export interface RestoreOptions {
  readonly store: RecordStore;
  readonly shipped: Uint8Array<ArrayBuffer> | undefined;
  readonly now: number;
}

/**
 * What was trusted last, out of the store alone, to run on: neither age nor a newer neighbour matters. Undefined where there
 * is no root that still counts, or the program ships one whose chain only the server can tell.
 */
export async function restoreOffline({ store, shipped, now }: RestoreOptions): Promise<TrustedSet | undefined> {
  const root = await storedRoot(store, shipped);
  const set = root && (await TrustedSet.start(root, { now, offline: true }));
  if (set === undefined) return undefined;
  const [timestamp, snapshot, targets] = [await store.read(metadataFileName("timestamp")), await store.read(metadataFileName("snapshot")), await store.read(metadataFileName("targets"))];
  if (timestamp !== undefined) await set.loadTimestamp(timestamp);
  if (snapshot !== undefined) await set.loadSnapshot(snapshot);
  if (targets !== undefined) await set.loadTargets(targets);
  return set;
}

/** The store as the end of a whole update; undefined where it is not one, or anything in it is expired. */
export async function restoreCurrent({ store, shipped, now }: RestoreOptions): Promise<TrustedSet | undefined> {
  const root = await storedRoot(store, shipped);
  const [timestamp, snapshot, targets] = [await store.read(metadataFileName("timestamp")), await store.read(metadataFileName("snapshot")), await store.read(metadataFileName("targets"))];
  if (root === undefined || timestamp === undefined || snapshot === undefined || targets === undefined) return undefined;
  const set = await TrustedSet.start(root, { now });
  try {
    set.finishRoot(floorsOf(await readSeen(store)));
    if (!(await set.loadTimestamp(timestamp))) return undefined;
    set.keepTimestamp();
  } catch (error) {
    if (error instanceof AshoreError && error.code === "METADATA_EXPIRED") return undefined;
    throw error;
  }
  return (await set.loadSnapshot(snapshot)) && (await set.loadTargets(targets)) ? set : undefined;
}

async function storedRoot(store: RecordStore, shipped: Uint8Array<ArrayBuffer> | undefined): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { pin } = await readRootPin(store);
  const root = await store.read(metadataFileName("root"));
  if (pin === undefined || root === undefined || !isPinned(pin, await digestOf(root))) return undefined;
  return shipped === undefined || isPinned(pin, await digestOf(shipped)) ? root : undefined;
}
