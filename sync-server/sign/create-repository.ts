import { join } from "node:path";
import { AshoreError } from "../../protocol/errors.ts";
import { commit } from "./commit.ts";
import { composeDelegations, composeFirstRoot, composeSnapshot, composeTargets, composeTimestamp } from "./compose.ts";
import { readKeys, type DevelopmentRole, type SigningKey } from "./key-files.ts";
import { lifetimeOf, type Lifetimes } from "./lifetimes.ts";
import { readNewestRoot } from "./repository.ts";
import type { SignerFiles } from "./signer-files.ts";

export interface CreateOptions {
  readonly dataDir: string;
  readonly files: SignerFiles;
  readonly lifetimes: Lifetimes;
  readonly now: number;
  readonly assertCurrent: () => Promise<void>;
}

/**
 * The first metadata of a folder: no models yet. A root that an earlier run left before it was cut off is kept, as a device
 * may have pinned it; the rest was named by no timestamp and is made anew.
 * @throws KEY_MISSING, STORE_CORRUPT
 */
export async function createRepository({ dataDir, files, lifetimes, now, assertCurrent }: CreateOptions): Promise<void> {
  const keys = await readKeys(dataDir, files);
  const keyOf = (role: DevelopmentRole): SigningKey => {
    const key = keys.find((candidate) => candidate.role === role);
    if (key !== undefined) return key;
    throw new AshoreError("KEY_MISSING", `${join(dataDir, "keys", `${role}.json`)} is missing, and without it no repository can be signed there. Make the keys first.`);
  };
  const [root, targets, snapshot, timestamp, publisher, serving] = [keyOf("root"), keyOf("targets"), keyOf("snapshot"), keyOf("timestamp"), keyOf("publisher"), keyOf("serving")];
  const signedBy = (key: SigningKey) => ({ keyids: [key.keyid], threshold: 1 });
  const first = (role: string) => ({ version: 1, expires: now + lifetimeOf(role, lifetimes) });
  const kept = await readNewestRoot(dataDir, files);
  await commit(
    { dataDir, files, keys, assertCurrent },
    {
      root: kept === undefined ? { signed: composeFirstRoot({ root, targets, snapshot, timestamp }, first("root").expires), signers: signedBy(root) } : undefined,
      roles: new Map([
        ["targets", { signed: composeTargets(first("targets"), new Map(), composeDelegations({ publisher, serving })), signers: kept?.signed.roles.targets ?? signedBy(targets) }],
        ["publisher", { signed: composeTargets(first("publisher"), new Map()), signers: signedBy(publisher) }],
        ["serving", { signed: composeTargets(first("serving"), new Map()), signers: signedBy(serving) }],
      ]),
      snapshot: (meta) => ({ signed: composeSnapshot(first("snapshot"), meta), signers: kept?.signed.roles.snapshot ?? signedBy(snapshot) }),
      timestamp: (meta) => ({ signed: composeTimestamp(first("timestamp"), meta), signers: kept?.signed.roles.timestamp ?? signedBy(timestamp) }),
    },
  );
}
