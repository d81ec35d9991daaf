import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AshoreError, asAshoreError } from "../protocol/errors.ts";

/** Unfinished files carry this; what bears it when a folder is opened is from a process that died. */
const UNFINISHED = ".unfinished";
const HOUR_MS = 3_600_000;

export interface DurableWriteOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes a file whole or not at all, and so that a power cut does not take it back: a temporary file beside it, `fsync`,
 * `rename`, `fsync` of the folder.
 * @throws STORE_FULL, STORE_FAILED, CANCELLED; the file is as it was before
 */
export async function writeDurably(path: string, bytes: Uint8Array, { signal }: DurableWriteOptions = {}): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}${UNFINISHED}`;
  try {
    signal?.throwIfAborted();
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(bytes, { signal });
      await file.sync();
    } finally {
      await file.close();
    }
    signal?.throwIfAborted();
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (thrown) {
    await unlink(temporary).catch(() => undefined);
    throw storeError(thrown, `write ${path}`);
  }
}

/** Removes a file durably; fine where there is none. @throws STORE_FAILED */
export async function removeDurably(path: string): Promise<void> {
  try {
    await unlink(path);
    await syncFolder(dirname(path));
  } catch (thrown) {
    if (!isMissing(thrown)) throw storeError(thrown, `delete ${path}`);
  }
}

/**
 * Makes a store's folder where it is missing, and removes what writers that died left behind. With `shared` other processes
 * may be writing there now, so that only what is older than an hour goes.
 * @throws STORE_FULL, STORE_FAILED
 */
export async function openFolder(folder: string, { shared = false }: { readonly shared?: boolean } = {}): Promise<void> {
  try {
    const made = await mkdir(folder, { recursive: true });
    if (made !== undefined) await syncFolder(dirname(made));
    for (const name of await readdir(folder)) {
      if (!name.endsWith(UNFINISHED)) continue;
      const path = join(folder, name);
      if (shared && Date.now() - (await stat(path)).mtimeMs < HOUR_MS) continue;
      await unlink(path);
    }
  } catch (thrown) {
    throw storeError(thrown, `open ${folder}`);
  }
}

export function isMissing(thrown: unknown): boolean {
  return codeOf(thrown) === "ENOENT";
}

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** A file system's refusal in our words: STORE_FULL where there is no room, CANCELLED for an abort, else STORE_FAILED. */
export function storeError(thrown: unknown, doing: string): AshoreError {
  const code = codeOf(thrown);
  if (code === undefined || code === "ABORT_ERR") return asAshoreError(thrown, "STORE_FAILED");
  if (FULL.has(code)) return new AshoreError("STORE_FULL", `There is no room to ${doing} (${code}). Free some space, or point --data at a larger disk.`, { cause: thrown });
  return new AshoreError("STORE_FAILED", `Could not ${doing} (${code}). Check that the folder exists, belongs to this user, and that the disk is sound.`, { cause: thrown });
}

function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : undefined;
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; there a rename is durable by the journal of NTFS.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
