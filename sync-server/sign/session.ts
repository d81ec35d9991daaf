import { join } from "node:path";
import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import type { Clock, WithSignal } from "../ports.ts";
import { sealCommit, TIMESTAMP_FILE, writeSealed, type SealedFile, type WriteContext } from "./commit.ts";
import { completionSteps } from "./complete-root.ts";
import { openKeyFolder, type KeyFolder } from "./key-folder.ts";
import { LIFETIMES } from "./lifetimes.ts";
import type { Step } from "./next-commit.ts";
import { proveRepository, readRepository, refused, type Repository } from "./repository.ts";
import { nodeFiles, replaceFile, type SignerFiles } from "./signer-files.ts";
import { withSignerLock } from "./signer-lock.ts";
import type { NewKey, SigningKey } from "./signing-key.ts";

export interface SessionOptions {
  /** The folder that holds `keys/` and `metadata/` (`--data`). */
  readonly dataDir: string;
  readonly clock: Clock;
  readonly files?: SignerFiles | undefined;
  /** Opens encrypted keys. Default: the environment's ASHORE_KEY_PASSPHRASE. */
  readonly passphrase?: string | undefined;
}

/** A data folder, and the keys in it, as several signings share them. */
export interface Place {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly files: SignerFiles;
  readonly keyFolder: KeyFolder;
}

export function placeOf({ dataDir, clock, files = nodeFiles, passphrase }: SessionOptions): Place {
  return { dataDir, clock, files, keyFolder: openKeyFolder(join(dataDir, "keys"), { files, passphrase }) };
}

/** One signing, under the folder's lock. */
export interface Session {
  /** The repository as it was when the lock was taken. */
  readonly before: Repository;
  readonly keys: readonly SigningKey[];
  /**
   * Signs steps one after the other. All of them are signed and proved as a device would before anything is written, and new
   * keys are on the disk before what they signed.
   * @returns the repository after them
   * @throws what sealing and proving throw: then nothing was written
   */
  publish(steps: readonly Step[], newKeys?: readonly NewKeyFile[]): Promise<Repository>;
  /** Writes key files alone. */
  writeKeys(newKeys: readonly NewKeyFile[]): Promise<void>;
}

export interface NewKeyFile extends NewKey {
  /** In `keys/`. */
  readonly name: string;
}

/**
 * Runs `work` under the lock, with the repository as it is then.
 * @throws STORE_CORRUPT, STORE_LOCKED, STORE_FAILED, CANCELLED, and what `work` throws
 */
export async function inSession<T>(place: Place, signal: WithSignal, work: (session: Session) => Promise<T>): Promise<T> {
  const { dataDir, clock, files, keyFolder } = place;
  try {
    // Nothing is made in a folder that holds no repository, not even a lock.
    await assertThere(place);
    return await withSignerLock(dataDir, clock, async (lock) => {
      const keys = await keyFolder.read();
      const writeKeys: Session["writeKeys"] = async (newKeys) => {
        if (newKeys.length === 0) return;
        await files.makeFolder(join(dataDir, "keys"), 0o700);
        for (const { name, bytes } of newKeys) await replaceFile(files, join(dataDir, "keys", name), bytes, 0o600);
        await files.syncFolder(join(dataDir, "keys"));
      };
      const publishOn = async (before: Repository, steps: readonly Step[], newKeys: readonly NewKeyFile[] = []): Promise<Repository> => {
        const { sealed, after } = await seal(place, before, [...keys, ...newKeys.map(({ key }) => key)], steps);
        signal.signal?.throwIfAborted();
        lock.assertHeld();
        await writeKeys(newKeys);
        await writeSealed({ dataDir, files, assertCurrent: current(place, lock, signal) }, sealed, before.timestamp.bytes);
        return after;
      };
      const found = await readExisting(place);
      const before = found.behindRoot ? await completed(found) : found;
      return work({ before, keys, writeKeys, publish: (steps, newKeys) => publishOn(before, steps, newKeys) });

      /** Where keys are lacking for it, what is asked next may bring their signatures along; anything else is refused. */
      async function completed(behind: Repository): Promise<Repository> {
        try {
          return await publishOn(behind, await completionSteps(behind, keys, { lifetimes: LIFETIMES, now: clock.now() }));
        } catch (error) {
          if (error instanceof AshoreError && (error.code === "KEY_MISSING" || error.code === "KEY_LOCKED")) return behind;
          throw error;
        }
      }
    }, signal);
  } catch (error) {
    throw asAshoreError(error, "STORE_FAILED");
  }
}

/** Everything of the steps, signed, and what a device will find after each of them. */
async function seal({ dataDir, files }: Place, before: Repository, keys: readonly SigningKey[], steps: readonly Step[]): Promise<{ readonly sealed: readonly SealedFile[]; readonly after: Repository }> {
  const written = new Map<string, Uint8Array<ArrayBuffer>>();
  const sealed: SealedFile[] = [];
  let after = before;
  for (const step of steps) {
    for (const file of await sealCommit(keys, step(after))) {
      sealed.push(file);
      written.set(file.name, file.bytes);
    }
    after = await proveRepository(after.root, async (name) => written.get(name) ?? files.read(join(dataDir, "metadata", name)), refused);
  }
  return { sealed, after };
}

/** @throws STORE_CORRUPT, also where there is no repository */
export async function readExisting(place: Place): Promise<Repository> {
  return (await readRepository(place.dataDir, place.files)) ?? absent(place);
}

async function assertThere(place: Place): Promise<void> {
  if ((await place.files.read(join(place.dataDir, "metadata", TIMESTAMP_FILE))) === undefined) absent(place);
}

function absent({ dataDir }: Place): never {
  throw new AshoreError("STORE_CORRUPT", `${join(dataDir, "metadata", TIMESTAMP_FILE)} is not there. Bring it back from a backup; where there never was one, "ashore keys init" makes the first.`);
}

/** Asserts that this process still holds the lock, and that nobody signed in spite of it. */
export function current({ dataDir, files }: Place, lock: { assertHeld(): void }, { signal }: WithSignal): WriteContext["assertCurrent"] {
  return async (timestamp) => {
    signal?.throwIfAborted();
    lock.assertHeld();
    const now = await files.read(join(dataDir, "metadata", TIMESTAMP_FILE));
    if (Buffer.compare(now ?? new Uint8Array(), timestamp ?? new Uint8Array()) !== 0) throw new AshoreError("STORE_LOCKED", `Another process signed in ${dataDir} at the same time. Nothing was published; try again.`);
  };
}
