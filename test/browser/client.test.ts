import type { Browser, BrowserContext, Page, Worker } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LIMITS } from "../../protocol/limits.ts";
import { act, prepare } from "../support/app.ts";
import { bundle, launchChromium } from "../support/chromium.ts";
import { openSite, type Site } from "../support/site.ts";
import { fakePageWorker, fakeServiceWorker, FOREIGN_WORKER } from "./client-workers.ts";

/** The client in a real browser, with scripted workers: registration, conflicts, updates, deaths, and no service worker at all. */

const SERVICE_WORKER = "/ashore/service-worker.js";
const PAGE_WORKER = "/ashore/worker.js";
const ANSWER = { outputs: { y: [7] }, servedBy: "device", backend: "cpu" };
const answerOf = (version: number) => ({ ok: { ...ANSWER, version } });

let browser: Browser;
let scripts: Readonly<Record<string, string>>;
let site: Site;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  scripts = { "/ashore/client.js": await bundle("client/index.ts", { minify: true }), "/e2e.js": await bundle("test/browser/page/e2e.ts") };
  browser = await launchChromium({ args: ["--host-resolver-rules=MAP insecure.test 127.0.0.1"] });
});

afterAll(() => browser?.close());

beforeEach(async () => {
  site = await openSite("http://127.0.0.1:1", { "/style.css": { body: "p {}", type: "text/css" } });
  for (const [path, body] of Object.entries(scripts)) put(path, body);
  context = await browser.newContext();
  page = await open();
});

afterEach(async () => {
  await context?.close();
  await site?.close();
});

function put(path: string, body: string): void {
  site.put(path, { body, type: "text/javascript", headers: { "service-worker-allowed": "/" } });
}

async function open(): Promise<Page> {
  const opened = await context.newPage();
  await opened.goto(site.url);
  await prepare(opened);
  return opened;
}

const connect = (options: Parameters<typeof act<"connect">>[2] = {}) => act(page, "connect", { server: site.url, ...options });
const connected = { ok: { host: "service-worker", persisted: true } };

/** Registers a script as an app or an earlier release would have, and waits until it is in charge. */
async function register(path: string): Promise<void> {
  await page.evaluate(`navigator.serviceWorker.register(${JSON.stringify(path)}, { scope: "/" }).then(() => navigator.serviceWorker.ready)`);
}

const activeScript = (): Promise<string> => page.evaluate("navigator.serviceWorker.getRegistration('/').then(({ active }) => new URL(active.scriptURL).pathname)");

function serviceWorker(): Worker {
  const worker = context.serviceWorkers().at(-1);
  if (worker === undefined) throw new Error("there is no service worker");
  return worker;
}

async function stopWorkers(): Promise<void> {
  const session = await context.newCDPSession(page);
  await session.send("ServiceWorker.enable");
  await session.send("ServiceWorker.stopAllWorkers");
  await session.detach();
}

describe("the service worker", () => {
  test("is registered, greeted and asked; the page's files are kept before it is ready", async () => {
    put(SERVICE_WORKER, fakeServiceWorker({ version: 1, keepsSite: true }));
    expect(await connect()).toEqual(connected);
    expect(await act(page, "ready", "line")).toEqual({ ok: { phases: [], bytes: 0 } });
    const kept = await serviceWorker().evaluate<string[]>("self.kept");
    expect(kept).toEqual(expect.arrayContaining([`${site.url}/`, `${site.url}/ashore/client.js`]));
    expect(await act(page, "predict", "line", [1])).toEqual(answerOf(1));
    expect(await act(page, "isControlled")).toBe(true);
  });

  test("is asked after a forced reload, which leaves the page without controller", async () => {
    put(SERVICE_WORKER, fakeServiceWorker({ version: 1 }));
    await connect();
    const session = await context.newCDPSession(page);
    const loaded = page.waitForEvent("load");
    await session.send("Page.reload", { ignoreCache: true });
    await loaded;
    await prepare(page);
    expect(await act(page, "isControlled")).toBe(false);
    expect(await connect()).toEqual(connected);
    expect(await act(page, "predict", "line", [1])).toEqual(answerOf(1));
  });

  test("is asked again, and greeted first, when it was stopped with a request under way", async () => {
    put(SERVICE_WORKER, fakeServiceWorker({ version: 1 }));
    await connect();
    const answer = act(page, "predict", "stopped", [1]);
    await page.waitForFunction("caches.open('fake').then((cache) => cache.match('/stopped'))");
    await stopWorkers();
    expect(await answer).toEqual(answerOf(1));
    expect(await serviceWorker().evaluate("self.asked")).toEqual(expect.arrayContaining(["hello", "predict"]));
  });

  test("hears that a request was given up", async () => {
    put(SERVICE_WORKER, fakeServiceWorker({ version: 1 }));
    await connect();
    expect(await act(page, "predict", "hang", [1], {}, 200)).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(await serviceWorker().evaluate("self.cancelled")).toEqual(["DEADLINE_EXCEEDED"]);
  });

  test("comes back when the site's data was deleted under the open page", async () => {
    put(SERVICE_WORKER, fakeServiceWorker({ version: 1 }));
    await connect();
    const session = await context.newCDPSession(page);
    await session.send("Storage.clearDataForOrigin", { origin: site.url, storageTypes: "all" });
    expect(await act(page, "predict", "line", [1])).toEqual(answerOf(1));
  });
});

describe("a new version of the script", () => {
  test("takes over under an open page whose predicts never leave it idle, and of which none fails; and the next one too", async () => {
    put(SERVICE_WORKER, fakeServiceWorker({ version: 1 }));
    await connect();
    // Two loops of predicts that overlap.
    await page.evaluate(`globalThis.answers = []; globalThis.loops = [0, 15].map(async (delay) => {
      await new Promise((resolve) => setTimeout(resolve, delay));
      while (!globalThis.isOver) answers.push(await e2e.predict("slow", [1]));
    }); undefined`);
    for (const version of [2, 3]) {
      put(SERVICE_WORKER, fakeServiceWorker({ version }));
      await page.evaluate("navigator.serviceWorker.getRegistration('/').then((registration) => registration.update())");
      await page.waitForFunction(`answers.some((answer) => answer.ok?.version === ${version})`);
    }
    const answers = await page.evaluate<unknown[]>("isOver = true; Promise.all(loops).then(() => answers)");
    expect(answers.filter((answer, at) => JSON.stringify(answer) !== JSON.stringify(answers[at - 1]))).toEqual([answerOf(1), answerOf(2), answerOf(3)]);
  });

  test("that speaks a newer protocol waits for the pages that do not", async () => {
    put(SERVICE_WORKER, fakeServiceWorker({ version: 1 }));
    await connect();
    put(SERVICE_WORKER, fakeServiceWorker({ version: 2, protocol: 2 }));
    await page.evaluate(`navigator.serviceWorker.getRegistration("/").then(async (registration) => {
      await registration.update();
      while (registration.waiting === null) await new Promise((resolve) => registration.installing.addEventListener("statechange", resolve, { once: true }));
    })`);
    await context.serviceWorkers().at(-1)?.evaluate("new Promise((resolve) => { const look = () => self.asked.includes('skip-waiting') ? resolve() : setTimeout(look, 20); look(); })");
    expect(await act(page, "predict", "line", [1])).toEqual(answerOf(1));
  });

  test("is fetched where the active one speaks an older protocol", async () => {
    put(SERVICE_WORKER, fakeServiceWorker({ version: 1, protocol: 0 }));
    await register(SERVICE_WORKER);
    put(SERVICE_WORKER, fakeServiceWorker({ version: 2 }));
    expect(await connect()).toEqual(connected);
    expect(await act(page, "predict", "line", [1])).toEqual(answerOf(2));
  });

  test("cannot help where the server's is old too: PROTOCOL_MISMATCH says who is older", async () => {
    put(SERVICE_WORKER, fakeServiceWorker({ version: 1, protocol: 0 }));
    expect(await connect()).toMatchObject({ code: "PROTOCOL_MISMATCH", message: expect.stringContaining("worker is of an older release") as string });
  });

  test("that is newer than the page: PROTOCOL_MISMATCH says to reload", async () => {
    put(SERVICE_WORKER, fakeServiceWorker({ version: 1, protocol: 2 }));
    expect(await connect()).toMatchObject({ code: "PROTOCOL_MISMATCH", message: expect.stringContaining("reload it") as string });
  });
});

describe("a service worker of the app's own", () => {
  beforeEach(() => put(SERVICE_WORKER, fakeServiceWorker({ version: 1 })));

  test("that does not know Ashore stays, and the error says how to add it", async () => {
    put("/sw.js", FOREIGN_WORKER);
    await register("/sw.js");
    await page.clock.install();
    const outcome = connect();
    const worker = serviceWorker();
    await worker.evaluate("new Promise((resolve) => { const look = () => self.heard > 0 ? resolve() : setTimeout(look, 20); look(); })");
    await page.clock.runFor(LIMITS.workerTakesMs);
    expect(await outcome).toMatchObject({ code: "WORKER_CONFLICT", message: expect.stringMatching(/\/sw\.js.*serve\(/) as string });
    expect(await activeScript()).toBe("/sw.js");
  });

  test("that answers is asked, and not replaced", async () => {
    put("/sw.js", fakeServiceWorker({ version: 5 }));
    await register("/sw.js");
    expect(await connect()).toEqual(connected);
    expect(await act(page, "predict", "line", [1])).toEqual(answerOf(5));
    expect(await activeScript()).toBe("/sw.js");
    expect(site.count(SERVICE_WORKER)).toBe(0);
  });
});

describe("without a service worker", () => {
  const inPage = { ok: { host: "page", persisted: true } };

  test("that is not wanted: a worker of the page answers, and ends with the connection", async () => {
    put(PAGE_WORKER, fakePageWorker({ version: 4 }));
    expect(await connect({ serviceWorker: false })).toEqual(inPage);
    expect(await act(page, "predict", "line", [1])).toEqual(answerOf(4));
    expect(await page.workers()[0]?.evaluate("self.role")).toEqual({ ashore: 1, role: "host", scope: "/" });
    const ended = page.workers()[0]?.waitForEvent("close");
    await act(page, "close");
    await ended;
    expect(await act(page, "predict", "line", [1])).toMatchObject({ code: "CANCELLED" });
  });

  test("that cannot be registered: a worker of the page answers, and the console says why", async () => {
    put(PAGE_WORKER, fakePageWorker({ version: 4 }));
    const warned = page.waitForEvent("console", (message) => message.type() === "warning" && message.text().includes(SERVICE_WORKER));
    site.put(SERVICE_WORKER, { body: "<!doctype html>", type: "text/html" });
    expect(await connect()).toEqual(inPage);
    await warned;
    expect(await act(page, "predict", "line", [1])).toEqual(answerOf(4));
  });

  test("a worker of the page that dies is started again, and asked again", async () => {
    put(PAGE_WORKER, fakePageWorker({ version: 4 }));
    await connect({ serviceWorker: false });
    expect(await act(page, "predict", "crash", [1])).toEqual(answerOf(4));
  });

  test("and without a worker of the page: WORKER_FAILED with both reasons", async () => {
    put(SERVICE_WORKER, "throw new Error('not today')");
    put(PAGE_WORKER, "throw new Error('nor here')");
    expect(await connect()).toMatchObject({ code: "WORKER_FAILED", message: expect.stringMatching(/worker\.js.*nor here.*no service worker either.*service-worker\.js/s) as string });
  });

  test("an origin that is not secure: INSECURE_ORIGIN with what is missing and the remedy", async () => {
    await page.goto(`http://insecure.test:${new URL(site.url).port}/`);
    await prepare(page);
    expect(await connect()).toMatchObject({ code: "INSECURE_ORIGIN", message: expect.stringMatching(/crypto\.subtle.*https/) as string });
  });
});
