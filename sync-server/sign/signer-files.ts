import { mkdir, open, readdir, readFile, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** What signing does to a disk, one effect a function, so that tests can fail at each. */
export interface SignerFiles {
  /** Undefined where there is no such file. */
  read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** The names in a folder; none where there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  makeFolder(path: string, mode: number): Promise<void>;
  /** Writes over what is there; the bytes are on the disk when it resolves. */
  write(path: string, bytes: Uint8Array, mode: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Renames in the folder are on the disk when it resolves. */
  syncFolder(path: string): Promise<void>;
}

export const nodeFiles: SignerFiles = {
  async read(path) {
    return unlessAbsent(async () => new Uint8Array(await readFile(path)));
  },
  async list(folder) {
    return (await unlessAbsent(() => readdir(folder))) ?? [];
  },
  async makeFolder(path, mode) {
    await mkdir(path, { recursive: true, mode });
  },
  async write(path, bytes, mode) {
    const file = await open(path, "w", mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  },
  rename,
  async syncFolder(path) {
    // Windows opens no folder and needs no such call.
    if (process.platform === "win32") return;
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

/** A file that is seen whole or not at all, and survives a power cut once {@link SignerFiles.syncFolder} ran on its folder. */
export async function replaceFile(files: SignerFiles, path: string, bytes: Uint8Array, mode: number): Promise<void> {
  // One name for the temporary file: what a crash leaves is written over by the next run, as the lock lets one run at a time.
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  await files.write(temporary, bytes, mode);
  await files.rename(temporary, path);
}

async function unlessAbsent<T>(step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
