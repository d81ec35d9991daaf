import type { Digest } from "../../protocol/digest.ts";
import type { BlobStore, Journal, JournalStore, RecordStore } from "../ports.ts";
import { refuseAborted } from "../sync/abort.ts";

/** Stores that live as long as this process: for what a full disk cannot take, and for tests. Bytes go in and out as copies. */

export function memoryBlobs(): BlobStore {
  const blobs = new Map<Digest, Uint8Array<ArrayBuffer>>();
  return {
    get: async (digest, options) => {
      refuseAborted(options);
      return blobs.get(digest)?.slice();
    },
    has: async (digest) => blobs.has(digest),
    put: async (digest, bytes, options) => {
      refuseAborted(options);
      blobs.set(digest, bytes.slice());
    },
    delete: async (digest) => void blobs.delete(digest),
    list: async () => [...blobs].map(([digest, { byteLength }]) => ({ digest, size: byteLength })),
  };
}

export function memoryJournal(initial?: Journal): JournalStore {
  let journal = initial;
  return {
    read: async (options) => {
      refuseAborted(options);
      return journal;
    },
    write: async (next, options) => {
      refuseAborted(options);
      journal = structuredClone(next);
    },
  };
}

export function memoryRecords(): RecordStore {
  const records = new Map<string, Uint8Array<ArrayBuffer>>();
  return {
    read: async (name, options) => {
      refuseAborted(options);
      return records.get(name)?.slice();
    },
    write: async (name, bytes, options) => {
      refuseAborted(options);
      records.set(name, bytes.slice());
    },
    delete: async (name) => void records.delete(name),
  };
}
