import { afterEach, beforeAll, expect, test } from "vitest";
import { writeLinearModel } from "../support/make-model.ts";
import { LINEAR_BODY, linearAnswer } from "../support/workshop.ts";
import { buildWorker, openWorkerSite, type WorkerSite } from "./service-worker-site.ts";

/** `serve()` in an app's own service worker, with a server that answers what the device cannot yet. */

let worker: string;
let app: WorkerSite;
beforeAll(async () => {
  worker = await buildWorker("test/browser/worker/sw-beside.ts");
});
afterEach(() => app?.close());

const PATH = "/v1/models/line:predict";
const predict = { type: "predict", model: "line", inputs: { x: { dtype: "float32", shape: [3] } } };

async function start(script = worker): Promise<WorkerSite> {
  app = await openWorkerSite({ line: (folder) => writeLinearModel(folder, 2, 0.5), other: (folder) => writeLinearModel(folder, 3, 0) }, { files: { "/app-sw.js": script }, serve: [] });
  await app.register("/app-sw.js");
  return app;
}

test("answers its models without any page's hello, and leaves everything else to the app's own handlers", async () => {
  const { rest, site, page, takeIn } = await start();
  expect(await rest("/kept.txt")).toMatchObject({ status: 200, body: "kept by the app" });
  expect(site.count("/kept.txt")).toBe(0);
  await takeIn();
  const before = site.count("/v1");
  const answer = await rest(PATH, LINEAR_BODY);
  expect([answer.status, answer.headers["x-ashore-served-by"], JSON.parse(answer.body)]).toEqual([200, "device", { predictions: linearAnswer(2, 0.5) }]);
  expect(site.count("/v1")).toBe(before);
  const others = await rest("/v1/models/other:predict", LINEAR_BODY);
  expect([others.headers["x-ashore-served-by"], site.count("/v1")]).toEqual(["server", before + 1]);
  expect(
    await page.evaluate(`navigator.serviceWorker.ready.then(({ active }) => new Promise((resolve) => {
      navigator.serviceWorker.addEventListener("message", ({ data }) => resolve(data), { once: true });
      navigator.serviceWorker.startMessages();
      active.postMessage({ type: "app" });
    }))`),
  ).toBe("from the app");
});

test("with `fallback: \"server\"` the server answers until the device can, and says so", async () => {
  const { rest, ask, takeIn, site } = await start();
  // Nothing of the metadata arrives: the device has nothing to answer with.
  site.setBetween((path) => (path.startsWith("/metadata") ? { status: 503 } : undefined));
  const answer = await rest(PATH, LINEAR_BODY);
  expect([answer.status, answer.headers["x-ashore-served-by"], JSON.parse(answer.body)]).toEqual([200, "server", { predictions: linearAnswer(2, 0.5) }]);
  const inputs = { x: [1, 2, 3] };
  const byServer = await ask({ ...predict, inputs });
  expect(byServer).toMatchObject({ type: "done", value: { version: 1, servedBy: "server" } });
  site.setBetween(undefined);
  await takeIn();
  const before = site.count("/v1");
  expect(await ask({ ...predict, inputs })).toMatchObject({ type: "done", value: { version: 1, servedBy: "device", outputs: { y: { dtype: "float32", shape: [3] } } } });
  expect((await rest(PATH, LINEAR_BODY)).headers["x-ashore-served-by"]).toBe("device");
  expect(site.count("/v1")).toBe(before);
});

test("beside Workbox, which keeps the app, it answers its models, with the server gone too", async () => {
  const { rest, site, page, takeIn } = await start(await buildWorker("test/browser/worker/sw-workbox.ts"));
  await takeIn();
  const before = site.count("/v1");
  const served = { status: 200, headers: { "x-ashore-served-by": "device" } };
  expect(await rest(PATH, LINEAR_BODY)).toMatchObject(served);
  expect(site.count("/v1"), "Workbox's route for everything did not get it").toBe(before);
  expect((await rest("/v1/models/other:predict", LINEAR_BODY)).headers["x-ashore-served-by"], "of another model Workbox asked the network").toBe("server");

  site.setBetween(() => ({ status: 503 }));
  await page.reload();
  await page.waitForFunction("document.title === 'ready'");
  expect(await page.evaluate("getComputedStyle(document.querySelector('p')).color"), "the app is Workbox's").toBe("rgb(0, 128, 128)");
  const offline = await rest(PATH, LINEAR_BODY);
  expect(offline).toMatchObject(served);
  expect(JSON.parse(offline.body)).toEqual({ predictions: linearAnswer(2, 0.5) });
});

test("with `batching`, requests of one moment are computed together, each to its own caller", async () => {
  const { rest, page, takeIn } = await start(await buildWorker("test/browser/worker/sw-batching.ts"));
  await takeIn();
  const answers = await page.evaluate(`Promise.all(Array.from({ length: 20 }, (_, x) =>
    fetch("${PATH}", { method: "POST", body: JSON.stringify({ instances: [x, -x] }) }).then((response) => response.json())))`);
  expect(answers).toEqual(Array.from({ length: 20 }, (_, x) => ({ predictions: [2 * x + 0.5, 0.5 - 2 * x] })));
  const tooMany = await rest(PATH, JSON.stringify({ instances: Array.from({ length: 9 }, () => 1) }));
  expect([tooMany.status, JSON.parse(tooMany.body)]).toEqual([400, { error: "Task size 9 is larger than maximum input batch size 8" }]);
});
