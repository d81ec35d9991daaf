import { join } from "node:path";
import { AshoreError } from "../../protocol/errors.ts";
import { assertSignable, canonicalJson, metadataFileName, type RoleKeys } from "../../protocol/tuf/index.ts";
import { metaOf } from "./compose.ts";
import { replaceFile, type SignerFiles } from "./signer-files.ts";
import type { SigningKey } from "./signing-key.ts";

/** The `signed` part of metadata. */
export type SignedJson = Readonly<Record<string, unknown>> & { readonly version: number };

/** Metadata to be signed, and who must sign it. */
export interface Unsigned {
  readonly signed: SignedJson;
  /** Each of these thresholds must be met: metadata that outlives a change of keys is signed by the old and by the new. */
  readonly signers: readonly RoleKeys[];
  /** Hexadecimal signatures by key id that were made elsewhere. */
  readonly signatures?: ReadonlyMap<string, string> | undefined;
}

/** Metadata that was signed elsewhere, kept byte for byte. */
interface Presigned {
  readonly version: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

type Meta = Readonly<Record<string, ReturnType<typeof metaOf>>>;

/** One step from a state of the repository to the next. */
export interface Commit {
  readonly root?: Unsigned | undefined;
  readonly roles: ReadonlyMap<string, Unsigned | Presigned>;
  /** Given the `meta` entries of the roles above; undefined where the snapshot stays. */
  readonly snapshot: ((meta: Meta) => Unsigned) | undefined;
  /** Given the `meta` entry of the new snapshot, or none where that stays. */
  readonly timestamp: (meta: Meta) => Unsigned;
}

export interface SealedFile {
  /** In `metadata/`. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export const TIMESTAMP_FILE = "timestamp.json";

/**
 * Signs everything of a step, in memory, in the order that its files are to be written in: the root, roles, the snapshot, and
 * last the timestamp, which is what makes them count.
 * @throws KEY_MISSING, KEY_LOCKED, METADATA_MALFORMED
 */
export async function sealCommit(keys: readonly SigningKey[], change: Commit): Promise<readonly SealedFile[]> {
  const sealed: SealedFile[] = [];
  const seal = async (name: string, role: string, next: Unsigned | Presigned): Promise<Uint8Array> => {
    const bytes = "bytes" in next ? next.bytes : await sign(keys, role, next);
    sealed.push({ name, bytes });
    return bytes;
  };
  if (change.root !== undefined) await seal(metadataFileName("root", change.root.signed.version), "root", change.root);
  const rolesMeta: Record<string, Meta[string]> = {};
  for (const [role, next] of change.roles) {
    const version = "bytes" in next ? next.version : next.signed.version;
    rolesMeta[`${role}.json`] = metaOf(version, await seal(metadataFileName(role, version), role, next));
  }
  const snapshotMeta: Record<string, Meta[string]> = {};
  if (change.snapshot !== undefined) {
    const next = change.snapshot(rolesMeta);
    snapshotMeta["snapshot.json"] = metaOf(next.signed.version, await seal(metadataFileName("snapshot", next.signed.version), "snapshot", next));
  }
  await seal(TIMESTAMP_FILE, "timestamp", change.timestamp(snapshotMeta));
  return sealed;
}

async function sign(keys: readonly SigningKey[], role: string, { signed, signers, signatures: given = new Map() }: Unsigned): Promise<Uint8Array<ArrayBuffer>> {
  assertSignable(signed);
  const asked = new Set(signers.flatMap(({ keyids }) => keyids));
  const here = keys.filter(({ keyid, locked }) => asked.has(keyid) && !locked && !given.has(keyid));
  const signatures = new Map([...given].filter(([keyid]) => asked.has(keyid)));
  const signing = new Set([...signatures.keys(), ...here.map(({ keyid }) => keyid)]);
  for (const { keyids, threshold } of signers) {
    const count = keyids.filter((keyid) => signing.has(keyid)).length;
    if (count < threshold) throw missingKeys(role, threshold, count, keys.filter(({ keyid, locked }) => locked && keyids.includes(keyid)).length);
  }
  const form = canonicalJson(signed);
  for (const key of here) signatures.set(key.keyid, await key.sign(form));
  return printMetadata(signed, signatures);
}

function missingKeys(role: string, threshold: number, count: number, locked: number): AshoreError {
  const keys = `"${role}" must be signed by ${threshold} ${threshold === 1 ? "key" : "keys"}, and ${count === 0 ? "none" : `only ${count}`} signed or can sign here`;
  if (count + locked >= threshold) return new AshoreError("KEY_LOCKED", `${keys}: the others are encrypted. Set ASHORE_KEY_PASSPHRASE, or name a file by --passphrase-file.`);
  return new AshoreError("KEY_MISSING", `${keys}. Sign where the keys are ("ashore keys ... --prepare FILE" writes what is to be signed), or bring the key files here.`);
}

/** Metadata as it is published. */
export function printMetadata(signed: object, signatures: ReadonlyMap<string, string>): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify({ signatures: [...signatures].map(([keyid, sig]) => ({ keyid, sig })), signed })}\n`);
}

export interface WriteContext {
  readonly dataDir: string;
  readonly files: SignerFiles;
  /**
   * Called before each file takes its name, with the timestamp that must still be published.
   * @throws where another process signed meanwhile, or the caller has gone
   */
  readonly assertCurrent: (timestamp: Uint8Array | undefined) => Promise<void>;
}

/**
 * Writes what was sealed, each file whole, in its order. Until the timestamp is there no published metadata names the new
 * files, so a crash leaves the state before, and the next run writes over the same numbers. A root counts by its number alone.
 */
export async function writeSealed({ dataDir, files, assertCurrent }: WriteContext, sealed: readonly SealedFile[], before: Uint8Array | undefined): Promise<void> {
  const folder = join(dataDir, "metadata");
  let timestamp = before;
  for (const { name, bytes } of sealed) {
    if (name === TIMESTAMP_FILE) await files.syncFolder(folder);
    // Numbers are unused only as long as nobody else signs: another process's file must not be written over.
    await assertCurrent(timestamp);
    await replaceFile(files, join(folder, name), bytes, 0o644);
    if (name !== TIMESTAMP_FILE) continue;
    await files.syncFolder(folder);
    timestamp = bytes;
  }
}

/** Enough of a role's keys are here, and can sign. */
export function hasSigners(keys: readonly SigningKey[], signers: RoleKeys): boolean {
  return holdsSigners(keys.filter(({ locked }) => !locked), signers);
}

/** Enough of a role's keys are here, locked or not. */
export function holdsSigners(keys: readonly SigningKey[], { keyids, threshold }: RoleKeys): boolean {
  return keyids.filter((keyid) => keys.some((key) => key.keyid === keyid)).length >= threshold;
}
