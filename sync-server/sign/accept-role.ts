import { digestOfHex, verifyDigest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { isTopLevelRole, parseMetadata, verifyThreshold, type Metadata, type Targets } from "../../protocol/tuf/index.ts";
import type { WithSignal } from "../ports.ts";
import { targetPath, type FileStorage } from "../storage/index.ts";
import { targetsOf, type SignedTargets } from "./compose.ts";
import { LIFETIMES, type Lifetimes } from "./lifetimes.ts";
import { nextSnapshot, nextTimestamp, targetsIn } from "./next-commit.ts";
import type { RepositoryRole } from "./repository.ts";
import { inSession, placeOf, type SessionOptions } from "./session.ts";
import { assertPaths } from "./target-paths.ts";

export interface AcceptRoleOptions extends SessionOptions {
  /** A role that is delegated to. */
  readonly role: string;
  /** Its next metadata, signed elsewhere; kept byte for byte. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the targets lie that it names. */
  readonly storage: FileStorage;
  readonly lifetimes?: Partial<Lifetimes> | undefined;
}

export interface AcceptedRole {
  /** False where these very bytes were accepted before: who asks again, not having heard, is not told off. */
  readonly changed: boolean;
  readonly version: number;
}

/**
 * Takes metadata of a delegated role in, after everything that a device would check and a little more, and signs the snapshot
 * and the timestamp that publish it.
 * @throws NOT_FOUND where nobody delegates to the role; LIMIT_EXCEEDED, METADATA_MALFORMED; METADATA_UNSIGNED where its keys
 * did not sign; ALREADY_EXISTS where its version is not the current one plus one; METADATA_EXPIRED; PERMISSION_DENIED where it
 * delegates further; NAME_INVALID for a path that it may not sign; TARGET_NOT_FOUND, SIZE_MISMATCH, DIGEST_MISMATCH for a
 * target that is not in `storage` as it says; KEY_MISSING, KEY_LOCKED, STORE_LOCKED, STORE_CORRUPT, STORE_FAILED, CANCELLED
 */
export async function acceptRole({ role, bytes, storage, lifetimes, ...options }: AcceptRoleOptions, signal: WithSignal = {}): Promise<AcceptedRole> {
  const { clock } = options;
  if (bytes.byteLength > LIMITS.targetsBytes) throw new AshoreError("LIMIT_EXCEEDED", `The metadata of "${role}" has ${bytes.byteLength} bytes; devices take at most ${LIMITS.targetsBytes}.`);
  const what = `The metadata of "${role}"`;
  const next = parseMetadata("targets", bytes, what);
  return inSession(placeOf(options), signal, async ({ before, publish }) => {
    const found = before.roles.get(role);
    if (found === undefined || isTopLevelRole(role)) throw new AshoreError("NOT_FOUND", `Nobody delegates to a role "${role}" here; "ashore keys delegate" does.`);
    const { version } = next.signed;
    if (found.metadata !== undefined && Buffer.compare(found.metadata.bytes, bytes) === 0) return { changed: false, version };
    await verifyThreshold(next, found.signers, found.keys, what);
    assertNext(role, next, found, clock.now());
    const targets = targetsOf(next.signed);
    await assertPaths(role, targets, found);
    await assertPresent(targets, targetsIn(found), storage, signal);
    const dating = { lifetimes: { ...LIFETIMES, ...lifetimes }, now: clock.now() };
    const { snapshot, timestamp } = before.root.signed.roles;
    await publish([(at) => ({ roles: new Map([[role, { version, bytes }]]), snapshot: nextSnapshot(at, [snapshot], dating), timestamp: nextTimestamp(at, [timestamp], dating) })]);
    return { changed: true, version };
  });
}

function assertNext(role: string, { signed }: Metadata<Targets>, found: RepositoryRole, now: number): void {
  const current = found.metadata?.signed.version ?? 0;
  if (signed.version !== current + 1) throw new AshoreError("ALREADY_EXISTS", `The metadata of "${role}" says that it is version ${signed.version}, and version ${current} is published: the next is ${current + 1}. Somebody else published meanwhile; take that in, and sign again.`);
  if (signed.expires <= now) throw new AshoreError("METADATA_EXPIRED", `The metadata of "${role}" expired at ${new Date(signed.expires).toISOString()}. Sign it again, and look at the clock where it was signed.`);
  if (signed.delegations.roles.length > 0) throw new AshoreError("PERMISSION_DENIED", `"${role}" delegates to ${signed.delegations.roles.map(({ name }) => JSON.stringify(name)).join(", ")}; who may sign is for the keys of "targets" to say.`);
}

/** Every target is there before metadata names it: bytes of what is new, size of what was named before. */
async function assertPresent(targets: SignedTargets, before: SignedTargets, storage: FileStorage, { signal }: WithSignal): Promise<void> {
  for (const [path, { sha256, length }] of targets) {
    signal?.throwIfAborted();
    const file = targetPath(path, sha256);
    const known = before.get(path)?.sha256 === sha256;
    const size = (await storage.stat(file, { signal }))?.size;
    if (size === undefined) throw new AshoreError("TARGET_NOT_FOUND", `${file} is named and is not here. Upload it before the metadata that names it.`);
    if (size !== length) throw new AshoreError("SIZE_MISMATCH", `${file} has ${size} bytes, where the metadata says ${length}.`);
    const bytes = known ? undefined : await storage.read(file, { signal });
    if (bytes !== undefined) await verifyDigest(bytes, { digest: digestOfHex(sha256), size: length }, file);
  }
}
