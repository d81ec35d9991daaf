import { join } from "node:path";
import { AshoreError } from "../../protocol/errors.ts";
import { metadataFileName, TrustedSet, type Coverage, type Metadata, type RoleKeys, type Root, type Snapshot, type Targets, type Timestamp } from "../../protocol/tuf/index.ts";
import type { SignerFiles } from "./signer-files.ts";

/** A targets role as it was found, and who may sign it. */
export interface RepositoryRole {
  /** Undefined where the role is delegated to and has signed nothing yet. */
  readonly metadata: Metadata<Targets> | undefined;
  readonly signers: RoleKeys;
  /** The paths it may sign; `targets` may sign any. */
  readonly coverage: Coverage | undefined;
}

/** The repository in a folder, proved as a client would: signatures, hashes and versions all agree. Expiry is for `renew`. */
export interface Repository {
  readonly root: Metadata<Root>;
  readonly timestamp: Metadata<Timestamp>;
  readonly snapshot: Metadata<Snapshot>;
  /** `targets` and every role delegated to, by name. */
  readonly roles: ReadonlyMap<string, RepositoryRole>;
}

/**
 * What `dataDir/metadata/` says; undefined before its first timestamp.
 * @throws STORE_CORRUPT naming the file that is missing or does not prove itself
 */
export async function readRepository(dataDir: string, files: SignerFiles): Promise<Repository | undefined> {
  const folder = join(dataDir, "metadata");
  const timestampBytes = await files.read(join(folder, "timestamp.json"));
  if (timestampBytes === undefined) return undefined;
  const root = await readNewestRoot(dataDir, files);
  const read = async (name: string): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = await files.read(join(folder, name));
    if (bytes === undefined) throw corrupt(join(folder, name), new Error("It is missing."));
    return bytes;
  };
  const proved = async (name: string, step: () => Promise<unknown>): Promise<void> => {
    try {
      await step();
    } catch (cause) {
      throw corrupt(join(folder, name), cause);
    }
  };
  if (root === undefined) throw corrupt(join(folder, metadataFileName("root", 1)), new Error("It is missing."));
  const set = await TrustedSet.start(root.bytes, { now: Number.NEGATIVE_INFINITY });
  set.finishRoot();
  await proved("timestamp.json", () => set.updateTimestamp(timestampBytes));
  const timestamp = known(set.timestamp);
  const snapshotName = metadataFileName("snapshot", timestamp.signed.snapshot.version);
  const snapshotBytes = await read(snapshotName);
  await proved(snapshotName, () => set.updateSnapshot(snapshotBytes));
  const snapshot = known(set.snapshot);

  const roles = new Map<string, RepositoryRole>();
  const ahead: { role: string; delegator: string; signers: RoleKeys; coverage?: Coverage }[] = [{ role: "targets", delegator: "root", signers: root.signed.roles.targets }];
  for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
    const { role, delegator, signers, coverage } = next;
    if (roles.has(role)) continue;
    const version = snapshot.signed.roles.get(role)?.version;
    if (version === undefined) {
      roles.set(role, { metadata: undefined, signers, coverage });
      continue;
    }
    const name = metadataFileName(role, version);
    const bytes = await read(name);
    await proved(name, () => set.updateTargets(bytes, role, delegator));
    const metadata = known(set.targets(role, delegator));
    roles.set(role, { metadata, signers, coverage });
    for (const delegation of metadata.signed.delegations.roles) ahead.push({ role: delegation.name, delegator: role, signers: delegation, coverage: delegation });
  }
  return { root, timestamp, snapshot, roles };
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

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new AshoreError("INTERNAL", "Metadata was trusted and is not there.");
  return value;
}
