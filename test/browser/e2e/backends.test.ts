import { afterEach, expect, test } from "vitest";
import type { Backend } from "../../../protocol/manifest.ts";
import { act, openApp, type App } from "../../support/app.ts";
import { writeDeepModel, writeLinearModel } from "../../support/make-model.ts";
import { linearAnswer } from "../../support/workshop.ts";

/** First load and first prediction in the service worker, on each backend, with nothing answered by the server. */

let app: App;
afterEach(() => app?.close());

const WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** Counts, in the service worker, what reaches the GPU: only TF.js's WebGPU kernels submit work. */
const COUNT_SUBMITS = `(() => {
  globalThis.submits = 0;
  const { submit } = GPUQueue.prototype;
  GPUQueue.prototype.submit = function (...args) { globalThis.submits += 1; return submit.apply(this, args); };
})()`;

test.each<{ backend: Backend }>([{ backend: "wasm" }, { backend: "cpu" }])("the first page loads, proves and runs a model on $backend", async ({ backend }) => {
  app = await openApp({ line: (folder) => writeLinearModel(folder, 2, 0.5) });
  const { page, site } = app;
  expect(await act(page, "connect", { server: site.url, models: ["line"], backends: [backend] })).toEqual({ ok: { host: "service-worker", persisted: true } });
  expect(await act(page, "ready", "line")).toMatchObject({ ok: { phases: expect.arrayContaining(["download"]) as string[] } });

  expect(await act(page, "predict", "line", [1, 2, 3])).toEqual({ ok: { outputs: { y: linearAnswer(2, 0.5) }, version: 1, servedBy: "device", backend } });
  const rest = await act(page, "rest", "/v1/models/line:predict", '{"instances":[1,2,3]}');
  expect([rest.status, JSON.parse(rest.body)]).toEqual([200, { predictions: linearAnswer(2, 0.5) }]);
  expect(rest.headers).toMatchObject({ "x-ashore-served-by": "device", "x-ashore-model-version": "1" });
  expect(site.count("/v1")).toBe(0);
});

test("the first page loads, proves and runs a model on webgpu, whose kernels are seen to run in the service worker", async () => {
  // Large enough that TF.js does not answer for the GPU by itself.
  app = await openApp({ deep: (folder) => writeDeepModel(folder, { layers: 2, width: 64, seed: 7 }) }, { flags: WEBGPU });
  const { page, site, context } = app;
  await act(page, "connect", { server: site.url, models: ["deep"], backends: ["webgpu"] });
  // Its self-test compares with what wasm and cpu computed at the publisher's.
  expect(await act(page, "ready", "deep")).toHaveProperty("ok");
  const [worker] = context.serviceWorkers();
  await worker?.evaluate(COUNT_SUBMITS);
  const answer = await act(page, "predictFilled", "deep", "x", [1, 64], 0.5);
  expect(answer).toMatchObject({ ok: { version: 1, servedBy: "device", backend: "webgpu" } });
  expect(await worker?.evaluate("globalThis.submits")).toBeGreaterThan(0);
  expect(site.count("/v1")).toBe(0);
});

test.each<{ first: Backend; flags: string[] }>([{ first: "cpu", flags: [] }, { first: "webgpu", flags: WEBGPU }])("wasm, tried while the page is idle, takes over from a slower $first, and no request fails meanwhile", async ({ first, flags }) => {
  app = await openApp({ deep: (folder) => writeDeepModel(folder, { layers: 4, width: 256, seed: 7 }) }, { flags });
  const { page, site } = app;
  await act(page, "connect", { server: site.url, models: ["deep"], backends: [first, "wasm"] });
  expect(await act(page, "ready", "deep")).toHaveProperty("ok");
  const ask = async (): Promise<{ readonly backend: string | undefined; readonly y: unknown }> => {
    const answer = await act(page, "predictFilled", "deep", "x", [1, 256], 0.5);
    if (!("ok" in answer)) throw new Error(JSON.stringify(answer));
    return { backend: answer.ok.backend, y: answer.ok.outputs };
  };
  const before = await ask();
  expect(before.backend).toBe(first);
  let after = before;
  while (after.backend === first) after = await ask();
  expect(after.backend).toBe("wasm");
  expect(Object.values(after.y as Record<string, number[]>)[0]?.[0]).toBeCloseTo(Object.values(before.y as Record<string, number[]>)[0]?.[0] ?? Number.NaN, 3);
  expect(site.count("/v1")).toBe(0);
});

test("a backend that the device lacks is an error that names it, and nothing answers", async () => {
  app = await openApp({ line: (folder) => writeLinearModel(folder, 2, 0.5) });
  const { page, site } = app;
  await act(page, "connect", { server: site.url, models: ["line"], backends: ["webgpu"] });
  const ready = await act(page, "ready", "line");
  expect(ready).toMatchObject({ code: "BACKEND_UNAVAILABLE" });
  expect(await act(page, "predict", "line", [1])).toMatchObject({ code: expect.stringMatching(/UNAVAILABLE/) as string });
});
