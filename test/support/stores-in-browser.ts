import type { BrowserContext, Page, Worker } from "playwright-core";
import { fromWireError, toWireError, type WireError } from "../../protocol/errors.ts";
import type { BlobStore, JournalStore, RecordStore } from "../../runtime/ports.ts";
import { parse, print } from "../contract/engine-host-wire.ts";
import { bundle } from "./chromium.ts";
import { openSite, type Site } from "./site.ts";

/** A call of a method of an object in the worker; with `abort`, the number of a signal that is its last argument. */
export interface CallInWorker {
  readonly target: number;
  readonly method: string;
  readonly args: readonly unknown[];
  readonly abort?: number | undefined;
  readonly aborted?: WireError | undefined;
}

/** `openBrowserStores` of a worker, its members as numbers of objects there. */
export interface OpenedStores {
  readonly self: number;
  readonly blobs: number;
  readonly journal: number;
  readonly metadata: number;
  readonly settings: number;
  readonly persisted: boolean;
}

interface WithProbe {
  readonly probe: { call(json: string): Promise<string> };
}

/** An origin whose pages have the probe as a worker's script, and nothing else. */
export async function openStoresSite(): Promise<Site & { readonly script: string }> {
  const script = await bundle("test/browser/worker/stores-probe.ts", { format: "iife" });
  const site = await openSite("http://127.0.0.1:1", {
    "/": { body: '<!doctype html><link rel="icon" href="data:,">', type: "text/html" },
    "/probe.js": { body: script, type: "text/javascript" },
  });
  return { ...site, script };
}

export async function inDedicatedWorker(page: Page): Promise<StoresWorker> {
  const [worker] = await Promise.all([page.waitForEvent("worker"), page.evaluate(`void new Worker("/probe.js")`)]);
  return new StoresWorker(worker);
}

export async function inServiceWorker(page: Page, context: BrowserContext): Promise<StoresWorker> {
  const [worker] = await Promise.all([context.waitForEvent("serviceworker"), page.evaluate(`navigator.serviceWorker.register("/probe.js").then(() => navigator.serviceWorker.ready).then(() => undefined)`)]);
  return new StoresWorker(worker);
}

/** The probe in a worker, called from Node: JSON there and back, with typed arrays in base64. */
export class StoresWorker {
  readonly worker: Worker;
  #aborts = 0;

  constructor(worker: Worker) {
    this.worker = worker;
  }

  /** A method of the probe itself. */
  ask<T>(method: string, args: readonly unknown[] = [], signal?: AbortSignal): Promise<T> {
    return this.call(0, method, args, signal);
  }

  async call<T>(target: number, method: string, args: readonly unknown[], signal?: AbortSignal): Promise<T> {
    const abort = signal && ++this.#aborts;
    const forward = (): void => void this.worker.evaluate(`probe.abort(${abort})`).catch(() => undefined);
    const request: CallInWorker = { target, method, args, abort, aborted: signal?.aborted === true ? toWireError(signal.reason) : undefined };
    signal?.addEventListener("abort", forward, { once: true });
    try {
      const answer = await this.worker.evaluate((json) => (globalThis as object as WithProbe).probe.call(json), print(request));
      const { value, error } = parse<{ value?: T; error?: WireError }>(answer);
      if (error !== undefined) throw fromWireError(error);
      // The probe answers one or the other, and JSON drops an undefined value.
      return value as T;
    } finally {
      signal?.removeEventListener("abort", forward);
    }
  }

  async blobs(cacheName: string, how: "blobs" | "verified" = "blobs"): Promise<BlobStore> {
    return this.blobsOf(await this.ask(how, [cacheName]));
  }

  async journal(database: string): Promise<JournalStore> {
    return this.journalOf(await this.ask("journal", [database]));
  }

  async records(database: string): Promise<RecordStore> {
    return this.recordsOf(await this.ask("records", [database]));
  }

  blobsOf(target: number): BlobStore {
    return {
      get: (digest, { signal } = {}) => this.call(target, "get", [digest], signal),
      has: (digest) => this.call(target, "has", [digest]),
      put: (digest, bytes, { signal } = {}) => this.call(target, "put", [digest, bytes], signal),
      delete: (digest) => this.call(target, "delete", [digest]),
      list: () => this.call(target, "list", []),
    };
  }

  journalOf(target: number): JournalStore {
    return {
      read: ({ signal } = {}) => this.call(target, "read", [], signal),
      write: (journal, { signal } = {}) => this.call(target, "write", [journal], signal),
    };
  }

  recordsOf(target: number): RecordStore {
    return {
      read: (name, { signal } = {}) => this.call(target, "read", [name], signal),
      write: (name, bytes, { signal } = {}) => this.call(target, "write", [name, bytes], signal),
      delete: (name) => this.call(target, "delete", [name]),
    };
  }
}
