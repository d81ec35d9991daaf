import { join } from "node:path";
import { AshoreError } from "../../protocol/errors.ts";
import { metadataFileName, parseMetadata } from "../../protocol/tuf/index.ts";
import { sealCommit, writeSealed, type Commit, type WriteContext } from "./commit.ts";
import { composeDelegations, composeFirstRoot, composeSnapshot, composeTargets, composeTimestamp } from "./compose.ts";
import type { DevelopmentRole } from "./init-keys.ts";
import { lifetimeOf, type Lifetimes } from "./lifetimes.ts";
import { proveRepository, readNewestRoot, refused } from "./repository.ts";
import type { SigningKey } from "./signing-key.ts";

export interface CreateOptions extends WriteContext {
  readonly keys: readonly SigningKey[];
  readonly lifetimes: Lifetimes;
  readonly now: number;
}

/**
 * The first metadata of a folder: no models yet. A root that an earlier run left before it was cut off is kept, as a device
 * may have pinned it; the rest was named by no timestamp and is made anew.
 * @throws KEY_MISSING, KEY_LOCKED, STORE_CORRUPT
 */
export async function createRepository({ keys, lifetimes, now, ...context }: CreateOptions): Promise<void> {
  const { dataDir, files } = context;
  const keyOf = (role: DevelopmentRole): SigningKey => {
    const key = keys.find((candidate) => candidate.role === role);
    if (key !== undefined) return key;
    throw new AshoreError("KEY_MISSING", `${join(dataDir, "keys", `${role}.json`)} is missing, and without it no repository can be signed there. Make the keys first.`);
  };
  const [root, targets, snapshot, timestamp, publisher, serving] = [keyOf("root"), keyOf("targets"), keyOf("snapshot"), keyOf("timestamp"), keyOf("publisher"), keyOf("serving")];
  const signedBy = (key: SigningKey) => ({ keyids: [key.keyid], threshold: 1 });
  const first = (role: string) => ({ version: 1, expires: now + lifetimeOf(role, lifetimes) });
  const kept = await readNewestRoot(dataDir, files);
  const signersOf = (role: "targets" | "snapshot" | "timestamp", key: SigningKey) => [kept?.signed.roles[role] ?? signedBy(key)];
  const change: Commit = {
    root: kept === undefined ? { signed: composeFirstRoot({ root, targets, snapshot, timestamp }, first("root").expires), signers: [signedBy(root)] } : undefined,
    roles: new Map([
      ["targets", { signed: composeTargets(first("targets"), new Map(), composeDelegations({ publisher, serving })), signers: signersOf("targets", targets) }],
      ["publisher", { signed: composeTargets(first("publisher"), new Map()), signers: [signedBy(publisher)] }],
      ["serving", { signed: composeTargets(first("serving"), new Map()), signers: [signedBy(serving)] }],
    ]),
    snapshot: (meta) => ({ signed: composeSnapshot(first("snapshot"), meta), signers: signersOf("snapshot", snapshot) }),
    timestamp: (meta) => ({ signed: composeTimestamp(first("timestamp"), meta), signers: signersOf("timestamp", timestamp) }),
  };
  const sealed = new Map((await sealCommit(keys, change)).map((file) => [file.name, file]));
  const rootBytes = sealed.get(metadataFileName("root", 1))?.bytes;
  const anchor = kept ?? (rootBytes && parseMetadata("root", rootBytes, "The first root"));
  if (anchor === undefined) throw new AshoreError("INTERNAL", "A repository is being made without a root.");
  await proveRepository(anchor, (name) => Promise.resolve(sealed.get(name)?.bytes), refused);
  await writeSealed(context, [...sealed.values()], undefined);
}
