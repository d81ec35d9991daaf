import { afterEach, expect, test } from "vitest";
import { act, openApp, prepare, type App } from "../../support/app.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { LINEAR_BODY, linearAnswer } from "../../support/workshop.ts";

let app: App;
afterEach(() => app?.close());

const PATH = "/v1/models/line:predict";
const ANSWER = { outputs: { y: linearAnswer(2, 0.5) }, version: 1, servedBy: "device" };

async function start(): Promise<App> {
  app = await openApp({ line: (folder) => writeLinearModel(folder, 2, 0.5) });
  await connect(app);
  expect(await act(app.page, "ready", "line")).toHaveProperty("ok");
  return app;
}

async function connect({ page, site }: App): Promise<void> {
  expect(await act(page, "connect", { server: site.url, models: ["line"] })).toMatchObject({ ok: { host: "service-worker" } });
}

test("with the server gone the page reloads, and answers by API and by plain fetch", async () => {
  const { page, site } = await start();
  site.down();
  await page.reload();
  await prepare(page);
  expect(await act(page, "isControlled")).toBe(true);
  await connect(app);
  expect(await act(page, "ready", "line")).toHaveProperty("ok");
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject({ ok: ANSWER });
  const rest = await act(page, "rest", PATH, LINEAR_BODY);
  expect([rest.status, rest.headers["x-ashore-served-by"], JSON.parse(rest.body)]).toEqual([200, "device", { predictions: linearAnswer(2, 0.5) }]);
  expect(site.count("/v1")).toBe(0);
});

test("after a forced reload, which bypasses the worker, the page predicts through the active worker", async () => {
  const { page, site, context } = await start();
  const session = await context.newCDPSession(page);
  const loaded = page.waitForEvent("load");
  await session.send("Page.reload", { ignoreCache: true });
  await loaded;
  await prepare(page);
  expect(await act(page, "isControlled")).toBe(false);
  await connect(app);
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject({ ok: ANSWER });
  expect(site.count("/v1")).toBe(0);
});

test("a stopped worker is revived by an API call and by a plain fetch, and answers, also without the server", async () => {
  const { page, site, stopWorkers } = await start();
  await stopWorkers();
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject({ ok: ANSWER });
  site.down();
  await stopWorkers();
  const rest = await act(page, "rest", PATH, LINEAR_BODY);
  expect([rest.status, JSON.parse(rest.body)]).toEqual([200, { predictions: linearAnswer(2, 0.5) }]);
  await stopWorkers();
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject({ ok: ANSWER });
  expect(site.count("/v1")).toBe(0);
});

test("a worker stopped under a loop of predicts loses none of them", async () => {
  const { page, stopWorkers } = await start();
  await act(page, "startLoop", "line", [1, 2, 3]);
  for (let i = 0; i < 5; i++) {
    await act(page, "answersWith", "line", [1], 1);
    await stopWorkers();
  }
  await act(page, "answersWith", "line", [1], 1);
  const loop = await act(page, "stopLoop");
  expect(loop.failures).toEqual([]);
  expect(loop.versions.length).toBeGreaterThan(10);
});

test("a second tab shares the model: it is neither fetched nor loaded again", async () => {
  const { page, site, open } = await start();
  const fetched = site.count("/blobs");
  const second = await open();
  expect(await act(second, "connect", { server: site.url, models: ["line"] })).toHaveProperty("ok");
  expect(await act(second, "ready", "line")).toMatchObject({ ok: { phases: [] } });
  expect(await act(second, "predict", "line", [1, 2, 3])).toMatchObject({ ok: ANSWER });
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject({ ok: ANSWER });
  expect(site.count("/blobs")).toBe(fetched);
});
