import * as v from "valibot";
import { NO_FLOORS, type Floors, type Root } from "../../protocol/tuf/index.ts";
import type { RecordStore } from "../ports.ts";
import { seal, unseal } from "./sealed.ts";

const countSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const seenSchema = v.object({
  /** When the last whole update ended well, in milliseconds since 1970; 0 for never. */
  time: countSchema,
  timestamp: countSchema,
  snapshot: countSchema,
  roles: v.array(v.tuple([v.string(), countSchema])),
  /** The key ids that timestamp and snapshot had in the root of that time. */
  keys: v.object({ timestamp: v.array(v.string()), snapshot: v.array(v.string()) }),
});

/**
 * The highest versions that were ever trusted here, beside the metadata itself: stored metadata that is damaged is fetched
 * again, and must not let older versions in by that.
 */
export type Seen = v.InferOutput<typeof seenSchema>;

const RECORD = "seen";

/** Undefined where nothing was seen, or where the record is damaged: then the stored metadata alone says what was. */
export async function readSeen(store: RecordStore): Promise<Seen | undefined> {
  const bytes = await store.read(RECORD);
  if (bytes === undefined) return undefined;
  const parsed = v.safeParse(seenSchema, await unseal(bytes));
  return parsed.success ? parsed.output : undefined;
}

export async function writeSeen(store: RecordStore, seen: Seen): Promise<void> {
  await store.write(RECORD, await seal(seen));
}

export async function forgetSeen(store: RecordStore): Promise<void> {
  await store.delete(RECORD);
}

export function seenOf(floors: Floors, root: Root, time: number): Seen {
  return {
    time,
    timestamp: floors.timestamp,
    snapshot: floors.snapshot,
    roles: [...floors.roles],
    keys: keysOf(root),
  };
}

export function floorsOf(seen: Seen | undefined): Floors {
  return seen === undefined ? NO_FLOORS : { timestamp: seen.timestamp, snapshot: seen.snapshot, roles: new Map(seen.roles) };
}

export function keysOf({ roles }: Root): Seen["keys"] {
  return { timestamp: [...roles.timestamp.keyids], snapshot: [...roles.snapshot.keyids] };
}

/**
 * Whether the root took a key from timestamp or snapshot since (The Update Framework 5.3.11). A thief of such a key may have
 * signed versions so high that nothing honest could follow; what was seen does not count any more then. A key that is only
 * added means no thief.
 */
export function keysRotated(before: Seen["keys"], root: Root): boolean {
  const after = keysOf(root);
  return (["timestamp", "snapshot"] as const).some((role) => before[role].some((keyid) => !after[role].includes(keyid)));
}
