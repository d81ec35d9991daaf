import { join } from "node:path";
import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import { metadataFileName, TrustedSet, type Coverage, type Metadata, type PublicKey, type RoleKeys, type Root, type Snapshot, type Targets, type Timestamp } from "../../protocol/tuf/index.ts";
import type { SignerFiles } from "./signer-files.ts";

/** A targets role as it was found, and who may sign it. */
export interface RepositoryRole {
  /** Undefined where the role is delegated to and has signed nothing yet. */
  readonly metadata: Metadata<Targets> | undefined;
  readonly signers: RoleKeys;
  /** The role that says who may sign it; `root` for `targets`. */
  readonly delegator: string;
  /** The keys that the delegator lists, by id. */
  readonly keys: ReadonlyMap<string, PublicKey>;
  /** The paths it may sign; `targets` may sign any. */
  readonly coverage: Coverage | undefined;
  /** Delegations that are asked before this one and end the search. */
  readonly overruledBy: readonly (Coverage & { readonly name: string })[];
}

/** The repository in a folder, proved as a client would: signatures, hashes and versions all agree. Expiry is for `renew`. */
export interface Repository {
  readonly root: Metadata<Root>;
  readonly timestamp: Metadata<Timestamp>;
  readonly snapshot: Metadata<Snapshot>;
  /** `targets` and every role delegated to, by name. */
  readonly roles: ReadonlyMap<string, RepositoryRole>;
  /** True where the rest is still signed as the root before says: a change of keys was cut off, and is to be completed. */
  readonly behindRoot: boolean;
}

/**
 * What `dataDir/metadata/` says; undefined before its first timestamp.
 * @throws STORE_CORRUPT naming the file that is missing or does not prove itself
 */
export async function readRepository(dataDir: string, files: SignerFiles): Promise<Repository | undefined> {
  const folder = join(dataDir, "metadata");
  if ((await files.read(join(folder, "timestamp.json"))) === undefined) return undefined;
  const root = await readNewestRoot(dataDir, files);
  if (root === undefined) throw corrupt(join(folder, metadataFileName("root", 1)), new Error("It is missing."));
  const read = (name: string): Promise<Uint8Array<ArrayBuffer> | undefined> => files.read(join(folder, name));
  try {
    return await proveRepository(root, read, (name, cause) => corrupt(join(folder, name), cause));
  } catch (error) {
    const behind = await readBehind(root, read).catch(() => undefined);
    if (behind === undefined) throw error;
    return behind;
  }
}

/** What the root before `newest` proves, where `newest` follows that one. */
async function readBehind(newest: Metadata<Root>, read: (name: string) => Promise<Uint8Array<ArrayBuffer> | undefined>): Promise<Repository | undefined> {
  const name = metadataFileName("root", newest.signed.version);
  const bytes = await read(metadataFileName("root", newest.signed.version - 1));
  if (bytes === undefined) return undefined;
  const set = await TrustedSet.start(bytes, { now: Number.NEGATIVE_INFINITY });
  const before = set.root;
  await set.updateRoot(newest.bytes);
  const found = await proveRepository(before, async (file) => (file === name ? undefined : read(file)), (_, cause) => asAshoreError(cause));
  const targets = found.roles.get("targets");
  const roles = targets === undefined ? found.roles : new Map([...found.roles, ["targets", { ...targets, signers: newest.signed.roles.targets, keys: newest.signed.keys }]]);
  return { ...found, root: newest, roles, behindRoot: true };
}

/**
 * What metadata says, proved as a client of that root would.
 * @param read a file of the metadata's folder
 * @param refusal what is thrown of a file that is missing or does not prove itself
 */
export async function proveRepository(
  trusted: Metadata<Root>,
  read: (name: string) => Promise<Uint8Array<ArrayBuffer> | undefined>,
  refusal: (name: string, cause: unknown) => AshoreError,
): Promise<Repository> {
  const set = await TrustedSet.start(trusted.bytes, { now: Number.NEGATIVE_INFINITY });
  const proved = async (name: string, step: (bytes: Uint8Array<ArrayBuffer>) => Promise<unknown>): Promise<void> => {
    try {
      const bytes = await read(name);
      if (bytes === undefined) throw new AshoreError("STORE_CORRUPT", "It is missing.");
      await step(bytes);
    } catch (cause) {
      throw refusal(name, cause);
    }
  };
  const next = metadataFileName("root", trusted.signed.version + 1);
  if ((await read(next)) !== undefined) await proved(next, (bytes) => set.updateRoot(bytes));
  const { root } = set;
  set.finishRoot();
  await proved("timestamp.json", (bytes) => set.updateTimestamp(bytes));
  const timestamp = known(set.timestamp);
  await proved(metadataFileName("snapshot", timestamp.signed.snapshot.version), (bytes) => set.updateSnapshot(bytes));
  const snapshot = known(set.snapshot);

  const roles = new Map<string, RepositoryRole>();
  const ahead: (Omit<RepositoryRole, "metadata"> & { readonly role: string })[] = [{ role: "targets", delegator: "root", signers: root.signed.roles.targets, keys: root.signed.keys, coverage: undefined, overruledBy: [] }];
  for (let visit = ahead.shift(); visit !== undefined; visit = ahead.shift()) {
    const { role, ...found } = visit;
    if (roles.has(role)) continue;
    const version = snapshot.signed.roles.get(role)?.version;
    if (version === undefined) {
      roles.set(role, { metadata: undefined, ...found });
      continue;
    }
    await proved(metadataFileName(role, version), (bytes) => set.updateTargets(bytes, role, found.delegator));
    const metadata = known(set.targets(role, found.delegator));
    roles.set(role, { metadata, ...found });
    const { keys, roles: delegations } = metadata.signed.delegations;
    for (const [place, delegation] of delegations.entries()) {
      const overruledBy = delegations.slice(0, place).filter(({ terminating }) => terminating);
      ahead.push({ role: delegation.name, delegator: role, signers: delegation, keys, coverage: delegation, overruledBy });
    }
  }
  return { root, timestamp, snapshot, roles, behindRoot: false };
}

/** The root of the highest number; every root is kept for ever, as devices walk from the one that they pinned. */
export async function readNewestRoot(dataDir: string, files: SignerFiles): Promise<Metadata<Root> | undefined> {
  const folder = join(dataDir, "metadata");
  const versions = (await files.list(folder)).map((name) => /^([1-9]\d*)\.root\.json$/.exec(name)?.[1]).filter((digits) => digits !== undefined);
  if (versions.length === 0) return undefined;
  const name = metadataFileName("root", Math.max(...versions.map(Number)));
  try {
    const bytes = await files.read(join(folder, name));
    if (bytes === undefined) throw new Error("It is missing.");
    return (await TrustedSet.start(bytes, { now: Number.NEGATIVE_INFINITY })).root;
  } catch (cause) {
    throw corrupt(join(folder, name), cause);
  }
}

function corrupt(path: string, cause: unknown): AshoreError {
  return new AshoreError("STORE_CORRUPT", `${path} does not prove itself: ${cause instanceof Error ? cause.message : String(cause)} It was changed, or another program writes there; bring the folder back from a backup.`, { cause });
}

/** Of metadata that was about to be written. */
export function refused(name: string, cause: unknown): AshoreError {
  const { code, message } = asAshoreError(cause, "STORE_FAILED");
  return new AshoreError(code, `Nothing was written, as devices would refuse ${name}: ${message}`, { cause });
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new AshoreError("INTERNAL", "Metadata was trusted and is not there.");
  return value;
}
