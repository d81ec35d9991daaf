import { createHash, randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { asAshoreError, AshoreError } from "../../protocol/errors.ts";
import type { ByteRange, ExpectedBody, FileStat, FileStorage, ListedFile } from "./file-storage.ts";

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
      signal?.throwIfAborted();
      const handle = await open(locate(root, path), "r").catch(missing);
      return handle === undefined ? undefined : streamOf(handle, range, signal);
    },
    write: async (path, bytes, { signal } = {}) => {
      signal?.throwIfAborted();
      await writeDurably(locate(root, path), path, bytes);
    },
    receive: async (path, body, expected, { signal } = {}) => {
      await writeDurably(locate(root, path), path, verified(body, path, expected, signal));
    },
    delete: async (path) => rm(locate(root, path), { force: true }),
    list: async (folder, { signal } = {}) => {
      const files: ListedFile[] = [];
      for (const path of await filesBelow(root, folder, (name) => !name.startsWith("."))) {
        signal?.throwIfAborted();
        const entry = await stat(join(root, path)).catch(missing);
        if (entry?.isFile()) files.push({ path, ...statOf(entry) });
      }
      return files;
    },
    sweep: async (folder, before) => {
      const swept: ListedFile[] = [];
      for (const path of await filesBelow(root, folder, isTemporary)) {
        const entry = await stat(join(root, path)).catch(missing);
        if (entry === undefined || entry.mtimeMs >= before) continue;
        await rm(join(root, path), { force: true });
        swept.push({ path, ...statOf(entry) });
      }
      return swept;
    },
  };
}

/** Large files go out in large pieces: twice the rate of 64 KiB, Node's own. */
const STREAM_CHUNK_BYTES = 512 * 1024;

/**
 * An open file, or a range of it, piece by piece as it is read. It is closed at its end, when it is cancelled, and when the
 * signal is aborted. (Node's `createReadStream` brings the process down when its signal is aborted before anyone listens.)
 */
async function streamOf(handle: FileHandle, range: ByteRange | undefined, signal: AbortSignal | undefined): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | undefined> {
  const entry = await handle.stat();
  if (!entry.isFile() || signal?.aborted === true) {
    await handle.close();
    signal?.throwIfAborted();
    return undefined;
  }
  let position = range?.start ?? 0;
  const end = Math.min(range === undefined ? entry.size : range.end + 1, entry.size);
  let reading: Promise<unknown> = Promise.resolve();
  const close = async (): Promise<void> => {
    signal?.removeEventListener("abort", abort);
    await handle.close();
  };
  const abort = (): void => void reading.then(close);
  signal?.addEventListener("abort", abort);
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        signal?.throwIfAborted();
        // Not cleared before: only what was read into it goes on.
        const piece = Buffer.allocUnsafeSlow(Math.min(STREAM_CHUNK_BYTES, Math.max(end - position, 0)));
        const read = handle.read(piece, 0, piece.byteLength, position);
        reading = read.catch(close);
        const { bytesRead } = await read;
        position += bytesRead;
        if (bytesRead > 0) controller.enqueue(piece.subarray(0, bytesRead));
        if (bytesRead > 0 && position < end) return;
        controller.close();
        await close();
      },
      cancel: () => reading.then(close),
    },
    // One piece ahead, so that the disk is read while the socket is written.
    { highWaterMark: 1 },
  );
}

const TEMPORARY = ".tmp";

function isTemporary(name: string): boolean {
  return name.startsWith(".") && name.endsWith(TEMPORARY);
}

async function writeDurably(file: string, path: string, contents: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const folder = dirname(file);
  // A name that no other process and no other thread of this one takes.
  const temporary = join(folder, `.${randomUUID()}${TEMPORARY}`);
  try {
    const created = await mkdir(folder, { recursive: true });
    try {
      await withFile(temporary, "wx", async (handle) => {
        await writeFile(handle, contents);
        await handle.sync();
      });
      await rename(temporary, file);
    } catch (thrown) {
      await rm(temporary, { force: true });
      throw thrown;
    }
    await syncFolder(folder);
    if (created !== undefined) for (let up = folder; up.length >= created.length; up = dirname(up)) await syncFolder(dirname(up));
  } catch (cause) {
    throw storeError(path, cause);
  }
}

/** A body's pieces as they pass; its end is an error unless all of them together are what was expected. */
async function* verified(body: AsyncIterable<Uint8Array>, path: string, { sha256, maxBytes }: ExpectedBody, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let size = 0;
  try {
    for await (const piece of body) {
      if (signal?.aborted === true) throw asAshoreError(signal.reason, "CANCELLED");
      size += piece.byteLength;
      if (size > maxBytes) throw new AshoreError("LIMIT_EXCEEDED", `What is sent for ${path} has more than the ${maxBytes} bytes that it may have.`);
      hash.update(piece);
      yield piece;
    }
  } catch (cause) {
    if (cause instanceof AshoreError) throw cause;
    throw new AshoreError("NETWORK_FAILED", `What was sent for ${path} broke off after ${size} bytes; nothing of it was kept.`, { cause });
  }
  const actual = hash.digest("hex");
  if (actual !== sha256) throw new AshoreError("DIGEST_MISMATCH", `What was sent for ${path} has the digest sha256:${actual} after ${size} bytes; it was cut short or changed on the way, and nothing of it was kept.`);
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

async function filesBelow(root: string, folder: string, wanted: (name: string) => boolean): Promise<string[]> {
  const entries = await readdir(locate(root, folder), { withFileTypes: true }).catch(missing);
  const files: string[] = [];
  for (const entry of entries ?? []) {
    const path = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) {
      if (wanted(entry.name)) files.push(path);
    } else if (!entry.name.startsWith(".")) files.push(...(await filesBelow(root, path, wanted)));
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
