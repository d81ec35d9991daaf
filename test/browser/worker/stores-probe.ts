/// <reference lib="webworker" />
import { browserClock } from "../../../browser/browser-clock.ts";
import { openBrowserStores } from "../../../browser/browser-stores.ts";
import { cacheBlobStore } from "../../../browser/cache-blob-store.ts";
import { idbValues } from "../../../browser/idb-values.ts";
import { journalStore } from "../../../browser/journal-store.ts";
import { recordStore } from "../../../browser/record-store.ts";
import { runtimeFiles, type RuntimeFilesOptions } from "../../../browser/runtime-files.ts";
import { digestOf } from "../../../protocol/digest.ts";
import { fromWireError, toWireError } from "../../../protocol/errors.ts";
import type { RuntimeEvent } from "../../../runtime/ports.ts";
import { verifiedBlobs } from "../../../runtime/store/index.ts";
import { parse, print } from "../../contract/engine-host-wire.ts";
import type { CallInWorker, OpenedStores } from "../../support/stores-in-browser.ts";

/** A browser's stores in a dedicated worker or a service worker, which a test in Node calls. */

const objects: object[] = [];
const problems: string[] = [];
const aborts = new Map<number, AbortController>();

function keep(object: object): number {
  return objects.push(object) - 1;
}

function report(event: RuntimeEvent): void {
  if (event.type === "problem") problems.push(`${event.error.code} ${event.error.message}`);
}

/** What there is to call; object 0. */
const root = {
  blobs: (cacheName: string) => keep(cacheBlobStore({ caches, cacheName })),
  verified: (cacheName: string) => keep(verifiedBlobs(cacheBlobStore({ caches, cacheName }), { report })),
  values: (database: string) => keep(idbValues(database)),
  journal: (database: string) => keep(journalStore(idbValues(database))),
  records: (database: string) => keep(recordStore(idbValues(database))),
  files: (options: Pick<RuntimeFilesOptions, "server" | "cacheName" | "digests">) => keep(runtimeFiles({ ...options, fetch: (url, init) => fetch(url, init), report })),
  stores: async (scope: string, lock: "wait" | "if-available", { signal }: { signal?: AbortSignal } = {}): Promise<OpenedStores> => {
    const { blobs, journal, metadata, settings, persisted, close } = await openBrowserStores({ scope, lock, report, signal });
    return { self: keep({ close }), blobs: keep(blobs), journal: keep(journal), metadata: keep(metadata), settings: keep(settings), persisted };
  },
  problems: () => problems,

  /** A caller that takes its buffer away while the store works on it. */
  putAndTransfer: async (cacheName: string, bytes: Uint8Array<ArrayBuffer>) => {
    const store = cacheBlobStore({ caches, cacheName });
    const digest = await digestOf(bytes);
    const put = store.put(digest, bytes);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    await put;
    return [digest, await digestOf((await store.get(digest)) ?? new Uint8Array(1))];
  },

  /** The browser closes the database without a word, as Safari does, before the next transaction. */
  loseConnection: () => {
    const { transaction } = IDBDatabase.prototype;
    IDBDatabase.prototype.transaction = function (...args) {
      IDBDatabase.prototype.transaction = transaction;
      this.close();
      return transaction.apply(this, args);
    };
  },

  /** Its readings beside those of the wall clock, which is put on by `jumpMs` half-way. */
  clock: (jumpMs: number) => {
    const now = Date.now;
    const readings = Array.from({ length: 1_000 }, () => [browserClock.now(), Date.now()]);
    Date.now = () => now() + jumpMs;
    const after = Array.from({ length: 1_000 }, () => [browserClock.now(), Date.now()]);
    Date.now = now;
    return [...readings, ...after];
  },
  sleep: (ms: number, options?: { signal?: AbortSignal }) => browserClock.sleep(ms, options),
};
keep(root);

async function call(json: string): Promise<string> {
  const { target, method, args, abort, aborted } = parse<CallInWorker>(json);
  const controller = new AbortController();
  if (abort !== undefined) aborts.set(abort, controller);
  if (aborted !== undefined) controller.abort(fromWireError(aborted));
  try {
    const object: object = objects[target] ?? root;
    const work = Reflect.get(object, method) as (...args: unknown[]) => unknown;
    const value = await work.apply(object, abort === undefined ? [...args] : [...args, { signal: controller.signal }]);
    return print({ value: value instanceof ArrayBuffer ? new Uint8Array(value) : value });
  } catch (thrown) {
    return print({ error: toWireError(thrown) });
  }
}

Object.assign(globalThis, { probe: { call, abort: (id: number) => aborts.get(id)?.abort() } });
