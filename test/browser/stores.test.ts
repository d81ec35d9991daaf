import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blobStoreContract, type StoreUnderTest } from "../contract/blob-store.ts";
import { journalStoreContract } from "../contract/journal-store.ts";
import { recordStoreContract } from "../contract/record-store.ts";
import { launchChromium } from "../support/chromium.ts";
import type { Site } from "../support/site.ts";
import { inDedicatedWorker, inServiceWorker, openStoresSite, type StoresWorker } from "../support/stores-in-browser.ts";

/** The stores of a browser do what files and memory do, in both kinds of worker. */

let browser: Browser;
let site: Site;
let stores = 0;

beforeAll(async () => {
  [browser, site] = await Promise.all([launchChromium(), openStoresSite()]);
});

afterAll(async () => {
  await Promise.all([browser?.close(), site?.close()]);
});

describe.each(["dedicated worker", "service worker"] as const)("in a %s", (where) => {
  let page: Page;
  let worker: StoresWorker;

  beforeAll(async () => {
    const context = await browser.newContext();
    page = await context.newPage();
    await page.goto(site.url);
    worker = await (where === "dedicated worker" ? inDedicatedWorker(page) : inServiceWorker(page, context));
  });

  afterAll(() => page?.context().close());

  /** A store of a fresh name, which the page deletes though the worker has it open. */
  async function fresh<Store>(open: (name: string) => Promise<Store>): Promise<StoreUnderTest<Store>> {
    const name = `store ${++stores}`;
    return {
      open: () => open(name),
      close: () =>
        page.evaluate(
          `Promise.all([caches.delete("${name}"), new Promise((resolve, reject) => {
            const request = indexedDB.deleteDatabase("${name}");
            request.onsuccess = () => resolve();
            request.onerror = request.onblocked = () => reject(new Error("The database could not be deleted."));
          })]).then(() => undefined)`,
        ),
    };
  }

  blobStoreContract("Cache Storage", () => fresh((name) => worker.blobs(name)));
  journalStoreContract("IndexedDB", () => fresh((name) => worker.journal(name)));
  recordStoreContract("IndexedDB", () => fresh((name) => worker.records(name)));

  test("a blob is what it was when it was put, though its buffer is transferred meanwhile", async () => {
    const [put, got] = await worker.ask<readonly string[]>("putAndTransfer", ["transferred", new Uint8Array(3 * 1024 * 1024).fill(9)]);
    expect(got).toBe(put);
  });
});
