import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
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

let app: App | undefined;
afterEach(() => app?.close());

test.each<[string, Uint8Array[]]>([
  ["in the manifest", [log(1), log(1, 2)]],
  ["in an asset", [log(...Array.from({ length: LIMITS.inlineWarmUpBytes }, (_, at) => at / 7))]],
])("records %s: before the model is ready, and not again by a worker that comes after one that was stopped", async (_, records) => {
  app = await openApp({ line: (folder) => write(folder, records) });
  const { page, site, stopWorkers } = app;
  const connect = (): Promise<unknown> => act(page, "connect", { server: site.url, models: ["line"] });
  expect(await connect()).toMatchObject({ ok: { host: "service-worker" } });
  expect(await act(page, "ready", "line")).toMatchObject({ ok: { phases: ["download", "load", "self-test", "warm-up"] } });
  await stopWorkers();
  await page.reload();
  await prepare(page);
  await connect();
  expect(JSON.stringify(await act(page, "ready", "line"))).not.toContain("warm-up");
  expect(await act(page, "predict", "line", [1])).toMatchObject({ ok: { outputs: { y: [2.5] }, servedBy: "device" } });
});
