import type { Digest } from "../../protocol/digest.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { BlobStore } from "../ports.ts";
import { refuseAborted } from "../sync/abort.ts";

export interface FreshBlobs extends BlobStore {
  /** Lets go of what nobody came for. */
  forget(): void;
}

/**
 * Gives what was put a moment ago to its first reader out of memory: a version that was just proved and stored is loaded without
 * being read and hashed once more. Later readers get what the store has. Keeps at most LIMITS.freshBlobBytes, the latest.
 */
export function freshBlobs(store: BlobStore): FreshBlobs {
  const fresh = new Map<Digest, Uint8Array<ArrayBuffer>>();
  let size = 0;

  function take(digest: Digest): Uint8Array<ArrayBuffer> | undefined {
    const bytes = fresh.get(digest);
    if (bytes !== undefined) size -= bytes.byteLength;
    fresh.delete(digest);
    return bytes;
  }

  return {
    ...store,
    get: async (digest, options) => {
      refuseAborted(options);
      return take(digest) ?? store.get(digest, options);
    },
    put: async (digest, bytes, options) => {
      await store.put(digest, bytes, options);
      take(digest);
      fresh.set(digest, bytes);
      size += bytes.byteLength;
      for (const [oldest] of fresh) {
        if (size <= LIMITS.freshBlobBytes) break;
        take(oldest);
      }
    },
    delete: async (digest) => {
      take(digest);
      await store.delete(digest);
    },
    forget: () => {
      fresh.clear();
      size = 0;
    },
  };
}
