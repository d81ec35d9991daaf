import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import { act, openApp, prepare, type App } from "../../support/app.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { predictionLog, tfRecordFile } from "../../support/warm-up-file.ts";

/** Warm-up requests beside a model, replayed by a service worker. */

const log = (...values: number[]): Uint8Array => predictionLog({ predict_log: { request: { inputs: { x: { dtype: 1, tensor_shape: { dim: [{ size: values.length }] }, float_val: values } } } } });

async function write(folder: string, records: readonly Uint8Array[]): Promise<void> {
  await writeLinearModel(folder, 2, 0.5);
  await mkdir(join(folder, "assets.extra"));
  await writeFile(join(folder, "assets.extra/tf_serving_warmup_requests"), tfRecordFile(records));
}

let app: App;
beforeAll(async () => {
  app = await openApp({
    small: (folder) => write(folder, [log(1), log(1, 2)]),
    large: (folder) => write(folder, [log(...Array.from({ length: LIMITS.inlineWarmUpBytes }, (_, at) => at / 7))]),
  });
  expect(await act(app.page, "connect", { server: app.site.url, models: ["small", "large"] })).toMatchObject({ ok: { host: "service-worker" } });
}, 60_000);
afterAll(() => app?.close());

test.each(["small", "large"])("%s: before it is ready, and not again by a worker that comes after one that was stopped", async (model) => {
  const { page, stopWorkers } = app;
  const ready = await act(page, "ready", model);
  expect(ready).toMatchObject({ ok: { phases: ["download", "load", "self-test", "warm-up"] } });
  await stopWorkers();
  await page.reload();
  await prepare(page);
  await act(page, "connect", { server: app.site.url, models: ["small", "large"] });
  expect(JSON.stringify(await act(page, "ready", model))).not.toContain("warm-up");
  expect(await act(page, "predict", model, [1])).toMatchObject({ ok: { outputs: { y: [2.5] }, servedBy: "device" } });
});
