import { access, readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { digestOfHex, hexOf, type Digest } from "../protocol/digest.ts";
import type { BlobStore } from "../runtime/ports.ts";
import { isMissing, openFolder, removeDurably, storeError, writeDurably } from "./durable-write.ts";

export interface FileBlobStoreOptions {
  /** The folder is a sync server's too: nothing is deleted from it, and a damaged blob heals by being written again. Default false. */
  readonly shared?: boolean;
}

/**
 * Blobs as files `sha256/<64 hexadecimal digits>` under `folder`.
 * @throws STORE_FULL, STORE_FAILED
 */
export async function openFileBlobStore(folder: string, { shared = false }: FileBlobStoreOptions = {}): Promise<BlobStore> {
  const files = join(folder, "sha256");
  await openFolder(files, { shared });
  const pathOf = (digest: Digest): string => join(files, hexOf(digest));
  return {
    get: async (digest, { signal } = {}) => {
      try {
        const bytes = await readFile(pathOf(digest), { signal });
        return whole(bytes);
      } catch (thrown) {
        if (isMissing(thrown)) return undefined;
        throw storeError(thrown, `read ${pathOf(digest)}`);
      }
    },
    has: async (digest) => {
      try {
        await access(pathOf(digest));
        return true;
      } catch (thrown) {
        if (isMissing(thrown)) return false;
        throw storeError(thrown, `look for ${pathOf(digest)}`);
      }
    },
    put: (digest, bytes, options) => writeDurably(pathOf(digest), bytes, options),
    delete: async (digest) => {
      if (!shared) await removeDurably(pathOf(digest));
    },
    list: async () => {
      try {
        const names = (await readdir(files)).filter((name) => /^[0-9a-f]{64}$/.test(name));
        const sizes = await Promise.all(names.map(async (name) => ({ digest: digestOfHex(name), size: await sizeOf(join(files, name)) })));
        return sizes.flatMap(({ digest, size }) => (size === undefined ? [] : [{ digest, size }]));
      } catch (thrown) {
        throw storeError(thrown, `list ${files}`);
      }
    },
  };
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (thrown) {
    // Deleted since the folder was listed.
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
}

/** Node's buffers may be windows of a pool that others see; the runtime's are transferable whole. */
function whole(buffer: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer: memory, byteOffset, byteLength } = buffer;
  if (memory instanceof ArrayBuffer && byteOffset === 0 && byteLength === memory.byteLength) return new Uint8Array(memory);
  return new Uint8Array(buffer);
}
