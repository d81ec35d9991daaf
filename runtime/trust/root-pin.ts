import * as v from "valibot";
import { isDigest, type Digest } from "../../protocol/digest.ts";
import type { RecordStore } from "../ports.ts";
import { seal, unseal } from "./sealed.ts";

const pinnedRootSchema = v.object({
  version: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  digest: v.custom<Digest>(isDigest),
});
const rootPinSchema = v.object({ roots: v.pipe(v.array(pinnedRootSchema), v.minLength(1)) });

/** The digests of every root that was trusted here, oldest first: the first is the one that all trust comes from. */
export type RootPin = v.InferOutput<typeof rootPinSchema>;

/**
 * Kept twice: a stored root that is damaged is found again by its digest, and a damaged pin by its copy, so that bad bytes
 * on a disk never make a device trust another root. The names end in no `.json`, as those of roles do.
 */
const RECORDS = ["root-pin", "root-pin-copy"] as const;

export interface StoredPin {
  readonly pin: RootPin | undefined;
  /** True where a record is there, readable or not: this is no fresh device. */
  readonly present: boolean;
}

export async function readRootPin(store: RecordStore): Promise<StoredPin> {
  let pin: RootPin | undefined;
  let present = false;
  for (const bytes of await Promise.all(RECORDS.map((name) => store.read(name)))) {
    if (bytes === undefined) continue;
    present = true;
    const parsed = v.safeParse(rootPinSchema, await unseal(bytes));
    // A crash between the two writes leaves one that is a root ahead.
    if (parsed.success && parsed.output.roots.length > (pin?.roots.length ?? 0)) pin = parsed.output;
  }
  return { pin, present };
}

export async function writeRootPin(store: RecordStore, pin: RootPin): Promise<void> {
  const bytes = await seal(pin);
  for (const name of RECORDS) await store.write(name, bytes);
}

/** The newest root of the chain; no chain that ends before it is taken. */
export function newestRoot(pin: RootPin): RootPin["roots"][number] {
  // The schema lets no empty list through.
  return pin.roots.at(-1)!;
}

export function isPinned(pin: RootPin, digest: Digest): boolean {
  return pin.roots.some((root) => root.digest === digest);
}
