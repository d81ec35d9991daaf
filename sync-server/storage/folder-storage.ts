import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { AshoreError } from "../../protocol/errors.ts";
import type { FileStat, FileStorage, ListedFile } from "./file-storage.ts";

/**
 * A {@link FileStorage} in a folder: each file is written beside its place under a hidden name, synced, renamed, and the
 * folder synced, so that a power cut leaves the old file, the new file, or none.
 */
export function createFolderStorage(root: string): FileStorage {
  return {
    stat: async (path) => {
      const entry = await stat(locate(root, path)).catch(missing);
      return entry?.isFile() ? statOf(entry) : undefined;
    },
    read: async (path, { signal } = {}) => {
      const bytes = await readFile(locate(root, path), { signal }).catch(missing);
      if (bytes === undefined) return undefined;
      // A buffer that others share (Node pools small ones) could not be transferred by who asked.
      return bytes.byteLength === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer) : new Uint8Array(bytes);
    },
    stream: async (path, { range, signal } = {}) => {
      const file = locate(root, path);
      const entry = await stat(file).catch(missing);
      if (!entry?.isFile()) return undefined;
      const stream = createReadStream(file, { highWaterMark: STREAM_CHUNK_BYTES, ...(range === undefined ? {} : { start: range.start, end: range.end }), ...(signal === undefined ? {} : { signal }) });
      return Readable.toWeb(stream) as ReadableStream<Uint8Array<ArrayBuffer>>;
    },
    write: async (path, bytes, { signal } = {}) => {
      signal?.throwIfAborted();
      try {
        await writeDurably(locate(root, path), bytes);
      } catch (cause) {
        throw storeError(path, cause);
      }
    },
    delete: async (path) => rm(locate(root, path), { force: true }),
    list: async (folder, { signal } = {}) => {
      const files: ListedFile[] = [];
      for (const path of await filesBelow(root, folder)) {
        signal?.throwIfAborted();
        const entry = await stat(join(root, path)).catch(missing);
        if (entry?.isFile()) files.push({ path, ...statOf(entry) });
      }
      return files;
    },
  };
}

/** Large files go out in large pieces: twice the rate of the default's 64 KiB. */
const STREAM_CHUNK_BYTES = 1024 * 1024;

let written = 0;

async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(file);
  const created = await mkdir(folder, { recursive: true });
  const temporary = join(folder, `.${process.pid}-${++written}.tmp`);
  try {
    await withFile(temporary, "w", async (handle) => {
      await handle.writeFile(bytes);
      await handle.sync();
    });
    await rename(temporary, file);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
  await syncFolder(folder);
  if (created !== undefined) for (let up = folder; up.length >= created.length; up = dirname(up)) await syncFolder(dirname(up));
}

/** Makes the names in a folder durable; Windows cannot open folders and needs no such thing. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform !== "win32") await withFile(folder, "r", (handle) => handle.sync());
}

async function withFile(path: string, flags: string, use: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, flags);
  try {
    await use(handle);
  } finally {
    await handle.close();
  }
}

async function filesBelow(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(locate(root, folder), { withFileTypes: true }).catch(missing);
  const files: string[] = [];
  for (const entry of entries ?? []) {
    if (entry.name.startsWith(".")) continue;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) files.push(...(await filesBelow(root, path)));
    else files.push(path);
  }
  return files;
}

function locate(root: string, path: string): string {
  const segments = path.split("/");
  if (segments.some((part) => part === "" || part.startsWith(".") || part.includes("\\") || part.includes("\0"))) {
    throw new AshoreError("NOT_FOUND", `${JSON.stringify(path.slice(0, 200))} is not a path of this storage.`);
  }
  return join(root, ...segments);
}

function statOf(entry: { readonly size: number; readonly mtimeMs: number }): FileStat {
  return { size: entry.size, modified: entry.mtimeMs };
}

function missing(thrown: unknown): undefined {
  const code = codeOf(thrown);
  if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR" || code === "ENAMETOOLONG") return undefined;
  throw thrown;
}

function storeError(path: string, cause: unknown): AshoreError {
  if (cause instanceof AshoreError) return cause;
  const code = codeOf(cause);
  if (code === "ENOSPC" || code === "EDQUOT") return new AshoreError("STORE_FULL", `There is no room left to write ${path}; free some space, or run "ashore gc".`, { cause });
  return new AshoreError("STORE_FAILED", `${path} could not be written: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
}
