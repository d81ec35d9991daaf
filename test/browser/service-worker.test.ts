import { afterEach, beforeAll, expect, test } from "vitest";
import { writeHeavyModel, writeLinearModel } from "../support/make-model.ts";
import { LINEAR_BODY, linearAnswer } from "../support/workshop.ts";
import { buildWorker, openWorkerSite, type WorkerSite } from "./service-worker-site.ts";

/** The prebuilt service worker, as the build makes it, by bare messages and plain fetches of a page. */

let worker: string;
let app: WorkerSite;
beforeAll(async () => {
  worker = await buildWorker();
});
afterEach(() => app?.close());

const PATH = "/v1/models/line:predict";
const PREDICTED = { type: "done", value: { version: 1, backend: "wasm", servedBy: "device" } };
const predict = { type: "predict", model: "line", inputs: { x: [1, 2, 3] } };

async function start(code = worker): Promise<WorkerSite> {
  app = await openWorkerSite({ line: (folder) => writeLinearModel(folder, 2, 0.5) }, { files: { "/sw.js": code } });
  await app.register("/sw.js");
  expect(await hello()).toMatchObject({ type: "done", value: { news: "ashore:/", host: "service-worker", keepsSite: true, persisted: true, pollSeconds: 60 } });
  return app;
}

const hello = (more: object = {}): ReturnType<WorkerSite["ask"]> => app.ask({ type: "hello", server: app.site.url, models: ["line"], fallback: "none", ...more });

async function answersRest(): Promise<void> {
  const { status, headers, body } = await app.rest(PATH, LINEAR_BODY);
  expect([status, body && JSON.parse(body)]).toEqual([200, { predictions: linearAnswer(2, 0.5) }]);
  expect(headers).toMatchObject({ "x-ashore-served-by": "device", "x-ashore-model-version": "1" });
}

test("takes a model in when asked, and answers messages and plain fetches without a request at the server", async () => {
  const { ask, takeIn, site, rest, page } = await start();
  expect(await page.evaluate("navigator.serviceWorker.controller !== null")).toBe(true);
  expect(await rest(PATH, LINEAR_BODY)).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
  expect(await ask(predict)).toMatchObject({ type: "failed", error: { code: "UNAVAILABLE" }, taken: { ashore: 1, life: expect.stringMatching(/^ashore-life:/) as string } });
  await takeIn();
  expect(await ask(predict)).toMatchObject(PREDICTED);
  await answersRest();
  expect(await ask({ type: "models" })).toMatchObject({ value: [{ name: "line", latest: 1, versions: [{ version: 1, state: "AVAILABLE" }] }] });
  expect(await ask({ type: "stored" })).toMatchObject({ value: [{ name: "line", versions: [{ version: 1 }] }] });
  expect(JSON.parse((await rest("/v1/models")).body)).toMatchObject({ models: [{ name: "line" }] });
  expect(site.count("/v1")).toBe(0);
  // Another model's requests are not its business.
  await rest("/v1/models/other:predict", LINEAR_BODY);
  expect(site.count("/v1/models/other")).toBe(1);
});

test("a stopped worker is revived by a fetch and by a message, and answers from its store without the server", async () => {
  const { ask, takeIn, site, stopWorkers } = await start();
  await takeIn();
  const { life } = (await ask(predict)).taken;
  site.down();
  await stopWorkers();
  await answersRest();
  await stopWorkers();
  const answer = await ask(predict);
  expect(answer).toMatchObject(PREDICTED);
  expect(answer.taken.life).not.toBe(life);
  // Whoever waited for the lock of the dead one has been told.
  expect(await app.page.evaluate(`navigator.locks.request(${JSON.stringify(life)}, { ifAvailable: true }, (lock) => lock !== null)`)).toBe(true);
});

test("with the server gone the page reloads from what was kept, and a forced reload leaves a worker that answers messages", async () => {
  const { page, ask, takeIn, site, context } = await start();
  await takeIn();
  expect(await ask({ type: "keep-site", urls: [`${site.url}/`, `${site.url}/page.js`, `${site.url}/style.css`, `${site.url}/metadata/1.root.json`, "https://elsewhere.example/"] })).toMatchObject({ type: "done", value: { kept: 3 } });
  const before = site.count("/style.css");
  await page.reload();
  await page.waitForFunction("document.title === 'ready'");
  // Network and worker race, over one request.
  expect(site.count("/style.css")).toBe(before + 1);
  site.down();
  await page.reload();
  await page.waitForFunction("document.title === 'ready'");
  expect(await page.evaluate("getComputedStyle(document.querySelector('p')).color")).toBe("rgb(0, 128, 128)");
  expect(await ask(predict)).toMatchObject(PREDICTED);
  site.up();
  const session = await context.newCDPSession(page);
  const loaded = page.waitForEvent("load");
  await session.send("Page.reload", { ignoreCache: true });
  await loaded;
  expect(await page.evaluate("navigator.serviceWorker.controller")).toBeNull();
  expect(await ask(predict)).toMatchObject(PREDICTED);
  expect(site.count("/v1")).toBe(0);
});

test("what a page may not say is refused with the reason, and the worker goes on", async () => {
  const { ask } = await start();
  expect(await hello({ server: "https://another.example" })).toMatchObject({ type: "failed", error: { code: "WORKER_CONFLICT" } });
  expect(await hello({ server: "/relative" })).toMatchObject({ type: "failed", error: { code: "INVALID_ARGUMENT", message: expect.stringContaining("absolute") as string } });
  expect(await ask(predict, { ashore: 0 })).toMatchObject({ type: "failed", error: { code: "PROTOCOL_MISMATCH", message: expect.stringContaining("reload it") as string } });
  expect(await ask(predict, { ashore: 2 })).toMatchObject({ type: "failed", error: { code: "PROTOCOL_MISMATCH", message: expect.stringContaining("let it update") as string }, taken: { ashore: 1 } });
  expect(await ask({ type: "dance" })).toMatchObject({ type: "failed", error: { code: "PROTOCOL_MISMATCH" } });
  expect(await ask({ ...predict, inputs: { x: { dtype: "float32", shape: [-1], data: [] } } })).toMatchObject({ type: "failed", error: { code: "INVALID_ARGUMENT" } });
  expect(await ask({ type: "sync" })).toMatchObject({ type: "done", value: { more: false } });
});

test("models are a union over hellos; one that is removed stays away until it is asked for again", async () => {
  app = await openWorkerSite({ line: (folder) => writeLinearModel(folder, 2, 0.5), other: (folder) => writeLinearModel(folder, 3, 0) }, { files: { "/sw.js": worker } });
  await app.register("/sw.js");
  await hello();
  await hello({ models: ["other"] });
  await app.takeIn();
  const names = async (): Promise<unknown> => ((await app.ask({ type: "models" })) as unknown as { value: { name: string }[] }).value.map(({ name }) => name).sort();
  expect(await names()).toEqual(["line", "other"]);
  expect(await app.ask({ type: "remove", model: "line" })).toMatchObject({ type: "done" });
  await app.stopWorkers();
  await app.takeIn();
  expect(await names()).toEqual(["other"]);
  expect(await app.ask(predict)).toMatchObject({ type: "failed", error: { code: "NOT_FOUND" } });
  await hello();
  await app.takeIn();
  expect(await app.ask(predict)).toMatchObject(PREDICTED);
});

test("a new script waits, takes over when a page says so, and answers from the same store", async () => {
  const { page, site, ask, takeIn } = await start();
  await takeIn();
  site.put("/sw.js", { body: `${worker}\n// another release`, type: "text/javascript" });
  const before = (await ask(predict)).taken.life;
  await page.evaluate(`(async () => {
    const registration = await navigator.serviceWorker.ready;
    await registration.update();
    const next = registration.installing ?? registration.waiting;
    while (next.state !== "installed") await new Promise((resolve) => next.addEventListener("statechange", resolve, { once: true }));
    const changed = new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
    next.postMessage({ ashore: 1, request: { type: "skip-waiting" } }, [new MessageChannel().port2]);
    await changed;
  })()`);
  const answer = await ask(predict);
  expect(answer).toMatchObject(PREDICTED);
  expect(answer.taken.life).not.toBe(before);
});

test("law 5: the script works where import(), late importScripts, Worker and URL.createObjectURL throw", async () => {
  const forbid = `
    const forbidden = (what) => function () { throw new Error(what + " is not there in a service worker"); };
    self.Worker = forbidden("Worker");
    URL.createObjectURL = forbidden("URL.createObjectURL");
    importScripts = forbidden("importScripts");
    Function = forbidden("Function");
  `;
  const { ask, takeIn } = await start(forbid + worker);
  await takeIn();
  expect(await ask(predict)).toMatchObject(PREDICTED);
  await answersRest();
  // `import()` is syntax, and throws in every service worker by itself.
  expect(await app.context.serviceWorkers()[0]?.evaluate("import('/page.js').then(() => 'works', () => 'throws')")).toBe("throws");
});

test("while the worker computes, an asset comes from the network at once", async () => {
  app = await openWorkerSite({ heavy: (folder) => writeHeavyModel(folder, { layers: 6, width: 256, rows: 2_048, seed: 1 }) }, { files: { "/sw.js": worker } });
  const { page, takeIn } = app;
  await app.register("/sw.js");
  await hello({ models: ["heavy"], backends: ["cpu"] });
  await takeIn();
  const { asset, inference, text } = await page.evaluate<{ asset: number; inference: number; text: string }>(`(async () => {
      const { active } = await navigator.serviceWorker.ready;
      const { port1, port2 } = new MessageChannel();
      const heard = (type) => new Promise((resolve) => port1.addEventListener("message", ({ data }) => data.type === type && resolve(performance.now())));
      const [taken, done] = [heard("taken"), heard("done")];
      port1.start();
      active.postMessage({ ashore: 1, request: { type: "predict", model: "heavy", inputs: { x: [1, 2] } } }, [port2]);
      const began = await taken;
      const response = await new Promise((resolve) => setTimeout(() => resolve(fetch("/style.css?" + Math.random())), 20));
      const asset = performance.now() - began;
      return { asset, inference: (await done) - began, text: await response.text() };
    })()`);
  expect(text).toContain("teal");
  expect(inference).toBeGreaterThan(500);
  expect(asset).toBeLessThan(inference / 2);
});
