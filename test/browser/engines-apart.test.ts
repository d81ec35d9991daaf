import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { print } from "../contract/engine-host-wire.ts";
import { act, openApp, type App } from "../support/app.ts";
import { bundle, launchChromium } from "../support/chromium.ts";
import { writeHeavyModel } from "../support/make-model.ts";
import { openSite, type Site } from "../support/site.ts";
import { packWeights } from "../support/pack-model.ts";
import { constant, graphOfNodes, linearModel, node, placeholder } from "../support/small-graphs.ts";
import { WASM_PATH } from "../support/wasm-path.ts";
import type { ApartActions } from "./engines-apart-actions.ts";
import { buildWorker } from "./service-worker-site.ts";

/** Engines in workers that pages lend, in Chromium, with the real `worker.js`. */

const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const WASM_FILES = ["tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm", "tfjs-backend-wasm-threaded-simd.wasm"];

let browser: Browser;
let site: Site;
let isolated: Site;

beforeAll(async () => {
  const [worker, page, wasm] = await Promise.all([
    buildWorker("client/worker.ts", "worker"),
    bundle("test/browser/page/engines-apart.ts"),
    Promise.all(WASM_FILES.map(async (name) => [name, await readFile(join(WASM_PATH, name))] as const)),
  ]);
  // TF.js takes half of the processors; this machine may have too few to see that.
  const eight = 'Object.defineProperty(navigator, "hardwareConcurrency", { value: 8 });';
  const open = (headers: Readonly<Record<string, string>>): Promise<Site> =>
    openSite("http://127.0.0.1:1", {
      "/": { body: '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>', type: "text/html", headers },
      "/page.js": { body: page, type: "text/javascript", headers },
      "/ashore/worker.js": { body: eight + worker, type: "text/javascript", headers },
      ...Object.fromEntries(wasm.map(([name, body]) => [`/ashore/wasm/${name}`, { body, type: "application/wasm", headers }])),
    });
  [browser, site, isolated] = await Promise.all([launchChromium(), open({}), open(ISOLATED)]);
});

afterAll(async () => {
  await Promise.all([browser?.close(), site?.close(), isolated?.close()]);
});

type Ask = <K extends keyof ApartActions>(name: K, ...args: Parameters<ApartActions[K]>) => Promise<Awaited<ReturnType<ApartActions[K]>>>;

async function withPage(at: Site, use: (ask: Ask, page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(at.url);
    await page.waitForFunction("globalThis.apart !== undefined");
    await use((name, ...args) => page.evaluate(`apart[${JSON.stringify(name)}](${args.map((arg) => JSON.stringify(arg)).join(", ")})`), page);
  } finally {
    await context.close();
  }
}

const line = print(linearModel(2, 1));

/** Fills 64 MiB with its input, and takes the greatest of them. */
const filled = ((): string => {
  const floats = { T: { type: "DT_FLOAT" } };
  const graph = graphOfNodes([
    placeholder("x", "DT_FLOAT", [-1]),
    constant("axis", "DT_INT32"),
    constant("dims", "DT_INT32"),
    node("scalar", "Max", ["x", "axis"], { ...floats, Tidx: { type: "DT_INT32" }, keep_dims: { b: false } }),
    node("fill", "Fill", ["dims", "scalar"], { ...floats, index_type: { type: "DT_INT32" } }),
    node("y", "Max", ["fill", "axis"], { ...floats, Tidx: { type: "DT_INT32" }, keep_dims: { b: true } }),
  ]);
  const weights = ["axis", "dims"].map((name) => ({ name, shape: [1], dtype: "int32" as const }));
  return print(packWeights(graph, weights, new Uint8Array(Int32Array.of(0, 2 ** 24).buffer)));
})();

/** What each of the processes of pages and their workers holds in memory. */
async function rendererBytes(): Promise<ReadonlyMap<number, number>> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const pids = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
  const bytes = async (pid: number): Promise<number> => 1024 * Number(/^VmRSS:\s*(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""))?.[1] ?? 0);
  return new Map(await Promise.all(pids.map(async (pid) => [pid, await bytes(pid)] as const)));
}

describe("a worker that a page lends", () => {
  test("computes, in one thread, on the backend that it says", async () => {
    await withPage(site, async (ask, page) => {
      expect(await ask("load", line, "wasm")).toEqual({ ok: { backend: "wasm", threads: 1 } });
      expect(await ask("run", 3)).toEqual({ ok: 7 });
      expect(page.workers().map((worker) => worker.url())).toEqual([`${site.url}/ashore/worker.js`]);
    });
  });

  test("computes in threads where the page is cross-origin isolated", async () => {
    await withPage(isolated, async (ask) => {
      expect(await ask("load", line, "wasm")).toEqual({ ok: { backend: "wasm", threads: 4 } });
      expect(await ask("run", 3)).toEqual({ ok: 7 });
      expect(isolated.count("/ashore/wasm/tfjs-backend-wasm-threaded-simd.wasm")).toBe(1);
    });
  });

  test("is missed when it is killed: what it computed is rejected, and the engine is lost", async () => {
    await withPage(site, async (ask) => {
      await ask("load", line, "wasm");
      await ask("run", 1);
      const outcomes = await ask("killDuring", Array.from({ length: 500 }, (_, value) => value));
      // The first may have had their answers already; none is wrong, and none waits for ever.
      const answered = outcomes.findIndex((outcome) => "code" in outcome);
      expect(outcomes.slice(0, answered)).toEqual(Array.from({ length: answered }, (_, value) => ({ ok: 2 * value + 1 })));
      expect(new Set(outcomes.slice(answered).map((outcome) => "code" in outcome && outcome.code))).toEqual(new Set(["ENGINE_GONE"]));
      expect(await ask("lost")).toBe("ENGINE_GONE");
      expect(await ask("load", line, "wasm")).toHaveProperty("ok");
      expect(await ask("run", 3)).toEqual({ ok: 7 });
    });
  });

  test.runIf(process.platform === "linux")("ends when it is closed, and its memory with it (as Linux counts it)", async () => {
    await withPage(site, async (ask, page) => {
      expect(await ask("load", filled, "wasm")).toHaveProperty("ok");
      const before = await rendererBytes();
      expect(await ask("run", 3)).toEqual({ ok: 3 });
      const during = await rendererBytes();
      const [pid, most] = Array.from(during, ([id, bytes]) => [id, bytes - (before.get(id) ?? bytes)] as const).reduce((a, b) => (a[1] > b[1] ? a : b));
      expect(most).toBeGreaterThan(60 * 2 ** 20);
      const gone = page.workers()[0]?.waitForEvent("close");
      expect(await ask("close")).toHaveProperty("ok");
      await gone;
      const left = async (): Promise<number> => (await rendererBytes()).get(pid) ?? 0;
      await expect.poll(left, { timeout: 30_000 }).toBeLessThan(before.get(pid) ?? 0);
    });
  });

  test("ends when whoever it computes for is dead", async () => {
    await withPage(site, async (ask, page) => {
      await ask("load", line, "cpu");
      const gone = page.workers()[0]?.waitForEvent("close");
      expect(await ask("ownerDies")).toBe(1);
      await gone;
    });
  });

  test("whose script does not come is told at once", async () => {
    await withPage(site, async (ask) => {
      site.put("/broken.js", { body: "throw new Error('not today')", type: "text/javascript" });
      expect(await ask("load", line, "wasm", "/broken.js")).toMatchObject({ code: "WORKER_FAILED", message: expect.stringMatching(/broken\.js.*not today/) });
      expect(await ask("load", line, "wasm", "/ashore/worker.js?")).toHaveProperty("ok");
      site.put("/ashore/none.js", { body: "<!doctype html>", type: "text/html" });
      expect(await ask("load", line, "wasm", "/ashore/none.js")).toMatchObject({ code: "WORKER_FAILED" });
    });
  });
});

describe("a heavy model", () => {
  let app: App;
  // Its publisher proves it on TF.js's cpu backend too, which takes a while.
  beforeAll(async () => {
    app = await openApp({ heavy: (folder) => writeHeavyModel(folder, { layers: 3, width: 1024, rows: 1536, seed: 2 }) });
  }, 120_000);
  afterAll(() => app?.close());

  const workersOf = (page: Page): number => page.workers().filter((worker) => worker.url().endsWith("/ashore/worker.js")).length;

  async function lent(page: Page): Promise<void> {
    while (workersOf(page) === 0) await page.waitForEvent("worker");
  }

  test("moves out of the service worker to a page, and from there to the next", async () => {
    const { page, site: appSite } = app;
    await act(page, "connect", { server: appSite.url, models: ["heavy"], backends: ["wasm"] });
    await act(page, "ready", "heavy");
    const answer = await act(page, "predict", "heavy", [1, 2]);
    expect(answer).toMatchObject({ ok: { version: 1, servedBy: "device", backend: "wasm" } });
    // The page, idle, asks for improvements.
    await lent(page);
    expect(await act(page, "predict", "heavy", [1, 2])).toEqual(answer);

    const next = await app.open();
    await act(next, "connect", { server: appSite.url, models: ["heavy"], backends: ["wasm"] });
    const asked = act(next, "predict", "heavy", [1, 2]);
    await page.close();
    expect(await asked).toEqual(answer);
    expect(await act(next, "predict", "heavy", [1, 2])).toEqual(answer);
    await lent(next);
    expect(await act(next, "predict", "heavy", [1, 2])).toEqual(answer);
    expect(workersOf(next)).toBe(1);
    expect(appSite.count("/v1")).toBe(0);
  });

  /** Which of Ashore's workers live, and which are waited for by whoever has them compute. */
  async function lives(page: Page): Promise<{ readonly held: readonly string[]; readonly awaited: readonly string[] }> {
    type Locks = readonly { readonly name?: string }[];
    const { held, pending } = await page.evaluate<{ readonly held: Locks; readonly pending: Locks }>("navigator.locks.query()");
    const names = (locks: Locks): string[] => locks.flatMap(({ name }) => (name?.startsWith("ashore-life:") === true ? [name] : []));
    return { held: names(held), awaited: names(pending) };
  }

  /** The only page of the app, which has lent a worker that has the model. */
  async function lender(): Promise<Page> {
    const page = await app.open();
    for (const other of app.context.pages()) if (other !== page) await other.close();
    await app.stopWorkers();
    await act(page, "connect", { server: app.site.url, models: ["heavy"], backends: ["wasm"] });
    await act(page, "ready", "heavy");
    await holds(page);
    return page;
  }

  const holds = (page: Page): Promise<unknown> => page.waitForFunction("navigator.locks.query().then(({ held }) => held.some(({ name }) => name.startsWith('ashore-engine:')))");

  test("stays loaded in its page when the service worker is stopped, and answers for the next one", async () => {
    const page = await lender();
    const beside = await app.open();
    await act(beside, "connect", { server: app.site.url, models: ["heavy"], backends: ["wasm"] });
    const answer = await act(page, "predict", "heavy", [1, 2]);
    const workers = [...page.workers(), ...beside.workers()];
    let started = 0;
    for (const one of [page, beside]) one.on("worker", () => started++);
    for (const asker of [page, beside, page]) {
      const before = await lives(page);
      await app.stopWorkers();
      expect(await act(asker, "predict", "heavy", [1, 2])).toEqual(answer);
      const after = await lives(page);
      const same = after.held.filter((life) => before.held.includes(life));
      expect(same).toHaveLength(1);
      expect(after.awaited).toContain(same[0]);
    }
    expect(workers).toHaveLength(1);
    expect([started, ...page.workers(), ...beside.workers()]).toEqual([0, ...workers]);
  });

  test("is loaded anew where the page with it went while there was no service worker", async () => {
    const page = await lender();
    const answer = await act(page, "predict", "heavy", [1, 2]);
    const next = await app.open();
    await act(next, "connect", { server: app.site.url, models: ["heavy"], backends: ["wasm"] });
    await app.stopWorkers();
    await page.close();
    expect(await act(next, "predict", "heavy", [1, 2])).toEqual(answer);
    await lent(next);
    await holds(next);
    const [worker] = next.workers();
    const gone = worker?.waitForEvent("close");
    await app.stopWorkers();
    expect(await act(next, "predict", "heavy", [1, 2])).toEqual(answer);
    // One that was taken over ends with its model, as any.
    expect(await act(next, "remove", "heavy")).toHaveProperty("ok");
    await gone;
    expect((await lives(next)).held).toHaveLength(1);
  });

  test("has, as every model, a worker of its own in a page's own runtime, beside the service worker's", async () => {
    const page = await app.open();
    expect(await act(page, "connect", { server: app.site.url, models: ["heavy"], serviceWorker: false })).toMatchObject({ ok: { host: "page" } });
    expect(await act(page, "ready", "heavy")).toHaveProperty("ok");
    expect(await act(page, "predict", "heavy", [1, 2])).toMatchObject({ ok: { version: 1, servedBy: "device", backend: "wasm" } });
    // The runtime's, and the model's.
    expect(workersOf(page)).toBe(2);
    await act(page, "close");
  });
});
