import { afterEach, expect, test } from "vitest";
import { act, openApp, prepare, type App } from "../../support/app.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { linearAnswer } from "../../support/workshop.ts";

/** What other code, a full disk or a broken one may do to a page's store: it heals, or says clearly what is wrong. */

let app: App;
afterEach(() => app?.close());

const BALLAST = 400_000;
const ANSWER = { ok: { outputs: { y: linearAnswer(2, 0.5) }, version: 1, servedBy: "device" } };

/** The blobs in the cache whose bytes are not what their names say. */
const DAMAGED = `(async () => {
  const damaged = [];
  const cache = await caches.open("ashore-blobs:/");
  for (const request of await cache.keys()) {
    const digest = await crypto.subtle.digest("SHA-256", await (await cache.match(request)).arrayBuffer());
    const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (!request.url.endsWith(hex)) damaged.push(request.url);
  }
  return damaged;
})()`;

async function start(): Promise<App> {
  app = await openApp({ line: (folder) => writeLinearModel(folder, 2, 0.5, { ballast: BALLAST }) });
  await connect();
  expect(await act(app.page, "ready", "line")).toHaveProperty("ok");
  return app;
}

async function connect(): Promise<void> {
  expect(await act(app.page, "connect", { server: app.site.url, models: ["line"] })).toMatchObject({ ok: { host: "service-worker" } });
}

async function reopen(): Promise<void> {
  await app.stopWorkers();
  await app.page.reload();
  await prepare(app.page);
  await connect();
}

test("caches deleted by other code of the origin: what is loaded answers on, and after a stop the model comes back from the server", async () => {
  const { page } = await start();
  await page.evaluate("caches.keys().then((names) => Promise.all(names.map((name) => caches.delete(name))))");
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject(ANSWER);
  await reopen();
  expect(await act(page, "ready", "line")).toHaveProperty("ok");
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject(ANSWER);
});

test("all storage emptied: the next page starts as the first did", async () => {
  const { page, site, context } = await start();
  const session = await context.newCDPSession(page);
  await session.send("Storage.clearDataForOrigin", { origin: site.url, storageTypes: "all" });
  await page.reload();
  await prepare(page);
  await connect();
  expect(await act(page, "ready", "line")).toHaveProperty("ok");
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject(ANSWER);
});

test("a shard corrupted in the cache: no wrong answer, the blob is fetched again", async () => {
  const { page } = await start();
  const changed = await page.evaluate<number>(`(async () => {
    let changed = 0;
    for (const name of (await caches.keys()).filter((name) => name.startsWith("ashore-blobs:"))) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) {
        const response = await cache.match(request);
        const bytes = new Uint8Array(await response.arrayBuffer());
        bytes[bytes.length >> 1] ^= 1;
        await cache.put(request, new Response(bytes, { headers: response.headers }));
        changed += 1;
      }
    }
    return changed;
  })()`);
  expect(changed).toBeGreaterThan(2);
  await reopen();
  expect(await act(page, "ready", "line")).toHaveProperty("ok");
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject(ANSWER);
  expect(await page.evaluate<string[]>(DAMAGED)).toEqual([]);
});

test("a quota of 1 MB: a model that does not fit runs from memory, and says that a reload starts anew", async () => {
  app = await openApp({ line: (folder) => writeLinearModel(folder, 2, 0.5, { ballast: 4_000_000 }) });
  const { page, site, context } = app;
  const session = await context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: site.url, quotaSize: 1_000_000 });
  await connect();
  const problems = page.evaluate<string[]>(`(async () => {
    const codes = [];
    const channel = new BroadcastChannel("ashore:/");
    channel.onmessage = ({ data }) => { if (data.type === "problem") codes.push(data.error.code); };
    const answer = await e2e.ready("line");
    channel.close();
    return "ok" in answer ? [...new Set(codes)] : [...codes, answer.code, answer.message];
  })()`);
  expect(await problems).toEqual(["STORE_FULL"]);
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject(ANSWER);
});

test("another site's blobs, HTML in place of a shard: a clear error, and the version before goes on", async () => {
  const { page, site, workshop } = await start();
  site.setBetween((path) => (path.startsWith("/blobs/") ? { body: "<!doctype html><title>Not here</title>", type: "text/html" } : undefined));
  await workshop.drop("line", 2, (folder) => writeLinearModel(folder, 3, 0.25));
  await app.published("line", 2);
  expect(await act(page, "sync")).toMatchObject({ code: expect.stringMatching(/SIZE_MISMATCH|DIGEST_MISMATCH|LIMIT_EXCEEDED/) as string });
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject(ANSWER);
  site.setBetween(undefined);
  expect(await act(page, "sync")).toEqual({ ok: null });
  await act(page, "answersWith", "line", [1], 2);
});

test("what is stored is listed, and deleting it frees it until a page asks again", async () => {
  const { page } = await start();
  expect(await act(page, "stored")).toMatchObject({ ok: [{ name: "line", versions: [{ version: 1 }] }] });
  expect(await act(page, "remove", "line")).toEqual({ ok: null });
  expect(await act(page, "stored")).toEqual({ ok: [] });
  expect(await act(page, "predict", "line", [1])).toMatchObject({ code: "NOT_FOUND" });
  const blobs = await page.evaluate<number>(`caches.open("ashore-blobs:/").then((cache) => cache.keys()).then((keys) => keys.length)`);
  expect(blobs).toBeLessThanOrEqual(1);
  await connect();
  expect(await act(page, "ready", "line")).toHaveProperty("ok");
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject(ANSWER);
});
