/**
 * Bytes in memory by path, least recently used out first, never more than `maxBytes`. Bytes that are on their way to a slow
 * client are leased, still count, and are not dropped before they are given back: a thousand slow clients cannot make the
 * process hold a thousand files.
 */
export interface FileCache {
  get(path: string): Uint8Array<ArrayBuffer> | undefined;
  /** Whether that many bytes fit beside what is leased. */
  fits(size: number): boolean;
  /** Keeps the bytes if they fit beside what is leased; false where they do not. */
  put(path: string, bytes: Uint8Array<ArrayBuffer>): boolean;
  delete(path: string): void;
  /** Holds a path's bytes in place until the returned function is called; once. */
  lease(path: string): () => void;
  readonly bytes: number;
}

interface Entry {
  readonly bytes: Uint8Array<ArrayBuffer>;
  leases: number;
}

/** What an entry costs beside its bytes: its key, its headers, its place in the map. */
const ENTRY_BYTES = 1024;

export function createFileCache(maxBytes: number): FileCache {
  // A map keeps the order of insertion: the first is the one used longest ago.
  const entries = new Map<string, Entry>();
  let total = 0;
  let leased = 0;

  function drop(path: string, entry: Entry): void {
    entries.delete(path);
    total -= entry.bytes.byteLength + ENTRY_BYTES;
  }

  function fits(size: number): boolean {
    return leased + size + ENTRY_BYTES <= maxBytes;
  }

  return {
    fits,
    get: (path) => {
      const entry = entries.get(path);
      if (entry === undefined) return undefined;
      entries.delete(path);
      entries.set(path, entry);
      return entry.bytes;
    },
    put: (path, bytes) => {
      const old = entries.get(path);
      if (old !== undefined) drop(path, old);
      if (!fits(bytes.byteLength)) return false;
      const cost = bytes.byteLength + ENTRY_BYTES;
      for (const [oldest, entry] of entries) {
        if (total + cost <= maxBytes) break;
        if (entry.leases === 0) drop(oldest, entry);
      }
      entries.set(path, { bytes, leases: 0 });
      total += cost;
      return true;
    },
    delete: (path) => {
      const entry = entries.get(path);
      if (entry !== undefined) drop(path, entry);
    },
    lease: (path) => {
      const entry = entries.get(path);
      if (entry === undefined) return () => undefined;
      const cost = entry.bytes.byteLength + ENTRY_BYTES;
      if ((entry.leases += 1) === 1) leased += cost;
      let held = true;
      return () => {
        if (held && (entry.leases -= 1) === 0) leased -= cost;
        held = false;
      };
    },
    get bytes() {
      return total;
    },
  };
}
