import { AshoreError, asAshoreError } from "../protocol/errors.ts";
import type { BlobStore, JournalStore, Ports, RecordStore, WithSignal } from "../runtime/ports.ts";
import { memoryBlobs } from "../runtime/store/index.ts";
import { cacheBlobStore } from "./cache-blob-store.ts";
import { idbValues } from "./idb-values.ts";
import { journalStore } from "./journal-store.ts";
import { orderedValues } from "./ordered-values.ts";
import { recordStore } from "./record-store.ts";
import { holdStoreLock, type StoreLock } from "./store-lock.ts";
import { memoryValues, spillingValues, type Values } from "./values.ts";

export interface BrowserStoresOptions extends WithSignal {
  /** The path that names this host's caches, database and lock; one host at a time writes for a scope. */
  readonly scope: string;
  readonly report: Ports["report"];
  /** Where another host has the stores of this scope: wait for it to end, or go on without writing. */
  readonly lock: "wait" | "if-available";
}

/** One value of the host's own, kept beside the runtime's. Check what is read: another release may have written it. */
export interface SettingsStore {
  read(options?: WithSignal): Promise<unknown>;
  write(value: unknown, options?: WithSignal): Promise<void>;
}

export interface BrowserStores {
  readonly blobs: BlobStore;
  readonly journal: JournalStore;
  readonly metadata: RecordStore;
  readonly settings: SettingsStore;
  /** Whether a restart finds what was stored; false also from when there is no more room. */
  readonly persisted: boolean;
  /** Lets another host have the stores. */
  close(): Promise<void>;
}

/**
 * The stores of a runtime in a browser's worker: blobs in Cache Storage, everything else in IndexedDB, under a Web Lock. What
 * the browser refuses (private windows, blocked cookies, sandboxed frames) is reported (STORE_FAILED) and lives in memory, and so
 * does what it has no room for (STORE_FULL).
 * Without the lock, blobs are read and added (they are immutable, and verified when they are read), and the rest is what is
 * stored now, changed in memory alone.
 * @throws CANCELLED
 */
export async function openBrowserStores({ scope, report, lock, signal }: BrowserStoresOptions): Promise<BrowserStores> {
  const refusals: AshoreError[] = [];
  const refused = (thrown: unknown): undefined => {
    const error = asAshoreError(thrown, "STORE_FAILED");
    if (error.code === "CANCELLED" || error.code === "DEADLINE_EXCEEDED") throw error;
    refusals.push(error);
  };
  const onProblem = (error: AshoreError): void => report({ type: "problem", error });

  // First of all: what another host writes must be seen once it has ended.
  const hold = async (): Promise<StoreLock | undefined> => holdStoreLock({ locks: navigator.locks, name: `ashore-store:${scope}`, lock, onLost: onProblem, signal });
  const held = await hold().catch(refused);
  try {
    const [stored, cached] = await Promise.all([usableValues(`ashore:${scope}`).catch(refused), usableBlobs(`ashore-blobs:${scope}`).catch(refused)]);
    if (refusals.length > 0) report({ type: "problem", error: nothingKept(refusals) });
    const kept = held === undefined || stored === undefined ? undefined : spillingValues(stored, onProblem);
    const { durable, ahead } = orderedValues(kept ?? memoryValues(stored));
    return {
      blobs: cached === undefined ? memoryBlobs() : held === undefined ? undeleted(cached) : cached,
      journal: journalStore(durable),
      // A dozen small writes come before the first answer. Only their order counts, until the journal is written after them.
      metadata: recordStore(ahead),
      settings: settingsStore(durable),
      get persisted() {
        return kept?.spilled === false && cached !== undefined;
      },
      close: async () => held?.release(),
    };
  } catch (thrown) {
    await held?.release();
    throw thrown;
  }
}

function nothingKept(refusals: readonly AshoreError[]): AshoreError {
  const [cause] = refusals;
  const said = [...new Set(refusals.map(({ message }) => message))].join(" ");
  return new AshoreError("STORE_FAILED", `This browser keeps nothing for this page: it is a private window or a sandboxed frame, or cookies are blocked. Models run from memory, and a reload fetches them again. (${said})`, { cause });
}

const SETTINGS = "settings";

function settingsStore(values: Values): SettingsStore {
  return {
    read: () => values.get(SETTINGS),
    write: (value) => values.set(SETTINGS, value),
  };
}

async function usableValues(database: string): Promise<Values> {
  const values = idbValues(database);
  await values.get(SETTINGS);
  return values;
}

async function usableBlobs(cacheName: string): Promise<BlobStore> {
  await caches.has(cacheName);
  return cacheBlobStore({ caches, cacheName });
}

/** Whose journal is not written knows nothing of what others need. A damaged blob is replaced by the next `put`. */
function undeleted(blobs: BlobStore): BlobStore {
  return { ...blobs, delete: async () => undefined };
}
