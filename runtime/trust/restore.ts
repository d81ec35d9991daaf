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
  const { root, timestamp, snapshot, targets } = await readStored(store, shipped);
  const set = root && (await TrustedSet.start(root, { now, offline: true }));
  if (set === undefined) return undefined;
  if (timestamp !== undefined) await set.loadTimestamp(timestamp);
  if (snapshot !== undefined) await set.loadSnapshot(snapshot);
  if (targets !== undefined) await set.loadTargets(targets);
  return set;
}

/** The store as the end of a whole update; undefined where it is not one, or anything in it is expired. */
export async function restoreCurrent({ store, shipped, now }: RestoreOptions): Promise<TrustedSet | undefined> {
  const { root, timestamp, snapshot, targets } = await readStored(store, shipped);
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

interface Stored {
  /** Only one that was pinned, of the chain that the program ships a root of. */
  readonly root: Uint8Array<ArrayBuffer> | undefined;
  readonly timestamp: Uint8Array<ArrayBuffer> | undefined;
  readonly snapshot: Uint8Array<ArrayBuffer> | undefined;
  readonly targets: Uint8Array<ArrayBuffer> | undefined;
}

/** All at once: a device that was woken for a request waits for these. */
async function readStored(store: RecordStore, shipped: Uint8Array<ArrayBuffer> | undefined): Promise<Stored> {
  const read = (role: string): Promise<Uint8Array<ArrayBuffer> | undefined> => store.read(metadataFileName(role));
  const [{ pin }, root, timestamp, snapshot, targets] = await Promise.all([readRootPin(store), read("root"), read("timestamp"), read("snapshot"), read("targets")]);
  const isTrusted = pin !== undefined && root !== undefined && isPinned(pin, await digestOf(root)) && (shipped === undefined || isPinned(pin, await digestOf(shipped)));
  return { root: isTrusted ? root : undefined, timestamp, snapshot, targets };
}
