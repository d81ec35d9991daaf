import { join } from "node:path";
import { AshoreError } from "../../protocol/errors.ts";
import { assertSignable, isTopLevelRole, metadataFileName, parseMetadata, verifyThreshold, type RoleKeys } from "../../protocol/tuf/index.ts";
import { metaOf } from "./compose.ts";
import { signMetadata, type SigningKey } from "./key-files.ts";
import { replaceFile, type SignerFiles } from "./signer-files.ts";

/** The `signed` part of metadata, and who must sign it. */
export interface Unsigned {
  readonly signed: Readonly<Record<string, unknown>> & { readonly version: number };
  readonly signers: RoleKeys;
}

type Meta = Readonly<Record<string, ReturnType<typeof metaOf>>>;

export interface Commit {
  readonly root?: Unsigned | undefined;
  readonly roles: ReadonlyMap<string, Unsigned>;
  /** Given the `meta` entries of the roles above; undefined where the snapshot stays. */
  readonly snapshot: ((meta: Meta) => Unsigned) | undefined;
  /** Given the `meta` entry of the new snapshot, or none where that stays; undefined where the timestamp stays. */
  readonly timestamp: ((meta: Meta) => Unsigned) | undefined;
}

export interface CommitContext {
  readonly dataDir: string;
  readonly files: SignerFiles;
  readonly keys: readonly SigningKey[];
  /** Called before each file takes its name. @throws where another process signed meanwhile, or the caller has gone */
  readonly assertCurrent: () => Promise<void>;
}

/**
 * Signs and writes, each file whole, in the order that keeps every moment's state valid: roles, snapshot, and last the
 * timestamp, which is what makes them count. Until then no published metadata names the new files, so a crash leaves the
 * state before, and the next run writes over the same numbers. A root counts by its number alone and is written first: it
 * changes nothing but its date.
 */
export async function commit({ dataDir, files, keys, assertCurrent }: CommitContext, change: Commit): Promise<void> {
  const folder = join(dataDir, "metadata");
  const write = async (name: string, role: string, { signed, signers }: Unsigned): Promise<Uint8Array> => {
    assertSignable(signed);
    const bytes = await signMetadata(signed, signersAmong(keys, signers, role, dataDir));
    // Read back as a device will: what it would refuse must never be published.
    const parsed = parseMetadata(isTopLevelRole(role) ? role : "targets", bytes, name);
    await verifyThreshold(parsed, signers, new Map(keys.map((key) => [key.keyid, key.public])), name);
    // Numbers are unused only as long as nobody else signs: another process's file must not be written over.
    await assertCurrent();
    await replaceFile(files, join(folder, name), bytes, 0o644);
    return bytes;
  };
  if (change.root !== undefined) await write(metadataFileName("root", change.root.signed.version), "root", change.root);
  const rolesMeta: Record<string, Meta[string]> = {};
  for (const [role, next] of change.roles) {
    const bytes = await write(metadataFileName(role, next.signed.version), role, next);
    rolesMeta[`${role}.json`] = metaOf(next.signed.version, bytes);
  }
  const snapshotMeta: Record<string, Meta[string]> = {};
  if (change.snapshot !== undefined) {
    const next = change.snapshot(rolesMeta);
    snapshotMeta["snapshot.json"] = metaOf(next.signed.version, await write(metadataFileName("snapshot", next.signed.version), "snapshot", next));
  }
  await files.syncFolder(folder);
  if (change.timestamp === undefined) return;
  await write("timestamp.json", "timestamp", change.timestamp(snapshotMeta));
  await files.syncFolder(folder);
}

/** Enough of a role's keys among those that are here. */
export function hasSigners(keys: readonly SigningKey[], signers: RoleKeys): boolean {
  return keys.filter(({ keyid }) => signers.keyids.includes(keyid)).length >= signers.threshold;
}

function signersAmong(keys: readonly SigningKey[], signers: RoleKeys, role: string, dataDir: string): readonly SigningKey[] {
  if (hasSigners(keys, signers)) return keys.filter(({ keyid }) => signers.keyids.includes(keyid));
  throw new AshoreError("KEY_MISSING", `${join(dataDir, "keys")} does not hold the ${signers.threshold === 1 ? "key" : `${signers.threshold} keys`} that must sign for "${role}". Sign where the keys are, or bring the key files here.`);
}
