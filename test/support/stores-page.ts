import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { digestOf, type Digest } from "../../protocol/digest.ts";
import { launchChromium } from "./chromium.ts";
import { inDedicatedWorker, openStoresSite, type StoresWorker } from "./stores-in-browser.ts";

/** A page of an empty browser profile, and a worker of it with the stores' probe; others in each test. */
export interface StoresPage {
  readonly site: Awaited<ReturnType<typeof openStoresSite>>;
  readonly page: Page;
  readonly worker: StoresWorker;
  /** A worker of another page of the profile. */
  secondWorker(): Promise<StoresWorker>;
  /** What other code of the origin does, as an async function's body. */
  otherCode(body: string): Promise<void>;
  clearSiteData(): Promise<void>;
  setQuota(bytes: number): Promise<void>;
}

/** For the tests of a file: what it answers with is there from each test's start. */
export function storesPage(): StoresPage {
  let browser: Browser;
  let site: StoresPage["site"];
  let context: BrowserContext;
  let page: Page;
  let worker: StoresWorker;

  beforeAll(async () => {
    [browser, site] = await Promise.all([launchChromium(), openStoresSite()]);
  });
  beforeEach(async () => {
    context = await browser.newContext();
    page = await context.newPage();
    await page.goto(site.url);
    worker = await inDedicatedWorker(page);
  });
  afterEach(async () => {
    site.up();
    await context.close();
  });
  afterAll(async () => {
    await Promise.all([browser?.close(), site?.close()]);
  });

  return {
    get site() {
      return site;
    },
    get page() {
      return page;
    },
    get worker() {
      return worker;
    },
    secondWorker: async () => {
      const other = await context.newPage();
      await other.goto(site.url);
      return inDedicatedWorker(other);
    },
    otherCode: (body) => page.evaluate(`(async () => { ${body} })()`),
    clearSiteData: async () => {
      await (await context.newCDPSession(page)).send("Storage.clearDataForOrigin", { origin: site.url, storageTypes: "all" });
    },
    setQuota: async (quotaSize) => {
      await (await context.newCDPSession(page)).send("Storage.overrideQuotaForOrigin", { origin: site.url, quotaSize });
    },
  };
}

export async function filledBlob(size: number, fill = 7): Promise<readonly [Digest, Uint8Array<ArrayBuffer>]> {
  const bytes = new Uint8Array(size).fill(fill);
  return [await digestOf(bytes), bytes];
}
