import { join } from "node:path";
import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import { systemClock } from "../system-clock.ts";
import type { Clock, WithSignal } from "../ports.ts";
import { holdsSigners } from "./commit.ts";
import { openKeyFolder } from "./key-folder.ts";
import { readRepository } from "./repository.ts";
import { nodeFiles, replaceFile, type SignerFiles } from "./signer-files.ts";
import { withSignerLock } from "./signer-lock.ts";
import { newKey, type SigningKey } from "./signing-key.ts";

/** The roles that a repository in watch mode signs for. */
export const DEVELOPMENT_ROLES = ["root", "targets", "publisher", "serving", "snapshot", "timestamp"] as const;
export type DevelopmentRole = (typeof DEVELOPMENT_ROLES)[number];

/** What is signed again every few days; without their keys nothing can be published at all. */
const ONLINE_ROLES = ["snapshot", "timestamp"] as const;

export interface InitKeysResult {
  /** True where new keys were made; false where all were there. */
  readonly created: boolean;
  /** The key ids of the keys here, by the role that each was made for. */
  readonly keyids: Readonly<Record<string, string>>;
}

export interface InitKeysOptions extends WithSignal {
  readonly clock?: Clock;
  readonly files?: SignerFiles;
  /** Encrypts the private halves of new keys. */
  readonly passphrase?: string | undefined;
}

/**
 * Makes a key for each role that has none in `dataDir/keys/`: ECDSA P-256, files of mode 0600 that say that they are for
 * development. In a folder with metadata nothing is made: devices pinned the root that its keys signed, and keys that are not
 * there may be offline. Those that must sign every few days must be there.
 * @throws KEY_MISSING there when one of these is gone, STORE_CORRUPT
 */
export async function initKeys(dataDir: string, options: InitKeysOptions = {}): Promise<InitKeysResult> {
  const { clock = systemClock, files = nodeFiles, passphrase } = options;
  try {
    await files.makeFolder(dataDir, 0o755);
    return await withSignerLock(dataDir, clock, () => makeMissingKeys(dataDir, files, passphrase), options);
  } catch (error) {
    throw asAshoreError(error, "STORE_FAILED");
  }
}

async function makeMissingKeys(dataDir: string, files: SignerFiles, passphrase: string | undefined): Promise<InitKeysResult> {
  const folder = join(dataDir, "keys");
  const there = await openKeyFolder(folder, { files }).read();
  const keyids = new Map(there.flatMap(({ role, keyid }): [string, string][] => (role === undefined ? [] : [[role, keyid]])));
  const signed = (await files.list(join(dataDir, "metadata"))).some((name) => name.endsWith(".json") && !name.startsWith("."));
  const missing = signed ? await missingOnline(dataDir, files, there) : DEVELOPMENT_ROLES.filter((role) => !keyids.has(role));
  if (signed && missing.length > 0) {
    throw new AshoreError("KEY_MISSING", `${folder} lacks the keys of ${missing.join(", ")}, and ${dataDir} holds metadata that devices may trust already. Bring the keys back from a backup; where the root's keys are left, "ashore keys rotate ROLE" replaces them.`);
  }
  if (missing.length > 0) await files.makeFolder(folder, 0o700);
  for (const role of missing) {
    const { key, bytes } = await newKey({ role, development: true, passphrase });
    await replaceFile(files, join(folder, `${role}.json`), bytes, 0o600);
    keyids.set(role, key.keyid);
  }
  if (missing.length > 0) await files.syncFolder(folder);
  return { created: missing.length > 0, keyids: Object.fromEntries(keyids) };
}

/** The roles whose keys must be here and are not. Before the first timestamp that is every role: it was never finished. */
async function missingOnline(dataDir: string, files: SignerFiles, keys: readonly SigningKey[]): Promise<readonly DevelopmentRole[]> {
  const repository = await readRepository(dataDir, files);
  if (repository === undefined) return DEVELOPMENT_ROLES.filter((role) => !keys.some((key) => key.role === role));
  return ONLINE_ROLES.filter((role) => !holdsSigners(keys, repository.root.signed.roles[role]));
}
