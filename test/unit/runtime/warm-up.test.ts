import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createInProcessEngineHost } from "../../../engine/in-process-host.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { modelName } from "../../../protocol/names.ts";
import type { NamedTensors } from "../../../protocol/tensor.ts";
import { createBatching, type EngineHost, type RequestMetrics } from "../../../runtime/index.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { examples } from "../../support/saved-model-writer/models.ts";
import { startPublishing, type Publishing } from "../../support/publishing.ts";
import { predictionLog, tfRecordFile } from "../../support/warm-up-file.ts";
import { emptyDisk, testDevice, testServer, type Device } from "./device.ts";

let publishing: Publishing;
const devices: Device[] = [];
beforeAll(async () => {
  publishing = await startPublishing();
});
afterAll(() => publishing.close());
afterEach(async () => {
  for (const one of devices.splice(0)) await one.runtime.close();
});

/** Version n of a model that computes y = x + n, with warm-up requests. */
async function publish(model: string, n: number, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  const folder = publishing.folder(`${model}/${n}`);
  await writeLinearModel(folder, 1, n);
  await mkdir(join(folder, "assets.extra"));
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, "assets.extra", name), content);
  await publishing.publish(model, n);
}

/** What was fed since, as sizes of the batches. */
function watchedEngine(): EngineHost & { readonly batches: number[] } {
  const inner = createInProcessEngineHost({ backends: ["cpu"] });
  const batches: number[] = [];
  return {
    backends: inner.backends,
    close: () => inner.close(),
    batches,
    load: async (bytes, options) => {
      const model = await inner.load(bytes, options);
      const run = (feeds: NamedTensors, ...rest: [readonly string[], object?]): Promise<NamedTensors> => {
        batches.push(feeds["x:0"]?.shape[0] ?? 0);
        return model.run(feeds, ...rest);
      };
      return { backend: model.backend, lost: model.lost, run, close: () => model.close() };
    },
  };
}

async function device(model: string, disk = emptyDisk(), options: Parameters<typeof testDevice>[2] = {}): Promise<Device & { readonly batches: number[]; readonly warmedUp: string[] }> {
  const engine = watchedEngine();
  const warmedUp: string[] = [];
  const metrics: RequestMetrics = {
    now: () => 0,
    request: () => undefined,
    ran: () => undefined,
    warmedUp: ({ version, status, records, milliseconds }) => void warmedUp.push(`${version} ${status} ${records} ${milliseconds >= 0}`),
  };
  const made = await testDevice(testServer(publishing), disk, { engine, metrics, models: [modelName(model)], ...options });
  devices.push(made);
  await made.runtime.start();
  return { ...made, batches: engine.batches, warmedUp };
}

test("records are replayed before a version is AVAILABLE, after its self-test, as often as is asked for, and again after a restart", async () => {
  const log = predictionLog({ predict_log: { request: { inputs: { x: { dtype: 1, tensor_shape: { dim: [{ size: 3 }] }, float_val: [1] } } } } });
  await publish("line", 1, { tf_serving_warmup_requests: tfRecordFile([log]), "warmup.json": '{"warmup":[{"instances":[1,2]}]}' });
  const disk = emptyDisk();
  const first = await device("line", disk, { warmUpIterations: 2 });
  expect(first.batches).toEqual([1, 3, 3, 2, 2]);
  const told = first.events.flatMap((event) => (event.type === "progress" && event.phase !== "download" ? [event.phase] : event.type === "state" ? [event.status.state] : []));
  expect(told).toEqual(["START", "LOADING", "load", "self-test", "warm-up", "AVAILABLE"]);
  expect(first.warmedUp).toEqual(["1 OK 2 true"]);
  expect(await first.ask(1)).toMatchObject({ status: 200, y: 2 });

  expect((await device("line", disk)).batches).toEqual([1, 3, 2]);
  expect((await device("line", disk, { warmUp: "unproved" })).batches).toEqual([]);
  expect((await device("line", disk, { warmUp: "never" })).batches).toEqual([]);
  expect((await device("line", emptyDisk(), { warmUp: "never" })).batches).toEqual([1]);
});

test("with batching on, records go through it, so that the sizes that it pads to are warm", async () => {
  const batching = createBatching({ maxBatchSize: 4, allowedBatchSizes: [2, 4] });
  expect((await device("line", emptyDisk(), { batching })).batches).toEqual([1, 4, 2]);
});

test("many records come as an asset, with the version; where it is damaged it is fetched again", async () => {
  const values = Array.from({ length: LIMITS.inlineWarmUpBytes }, (_, at) => at / 7);
  await publish("wide", 1, { "warmup.json": JSON.stringify({ warmup: [{ instances: values }, { instances: [0] }] }) });
  const disk = emptyDisk();
  const first = await device("wide", disk);
  expect(first.batches).toEqual([1, values.length, 1]);
  expect(await first.ask(1, "/v1/models/wide:predict")).toMatchObject({ status: 200, y: 2 });

  const { sha256 } = (await disk.journal.read())?.models["wide"]?.held[0]?.manifest ?? { sha256: "" };
  const { assets } = await publishing.manifest("wide", 1, { sha256, length: 0 });
  expect(assets.map(({ path }) => path)).toEqual(["assets.extra/warmup.records.json"]);
  const digest = assets[0]!.blob.digest;
  await first.runtime.close();
  devices.pop();
  await disk.blobs.delete(digest);
  const again = await device("wide", disk);
  await again.untilState("1 AVAILABLE");
  expect(again.batches.at(-2)).toBe(values.length);
  expect(await disk.blobs.has(digest)).toBe(true);
});

test("a version with a record that fails is END and says why, and the one before goes on answering", async () => {
  await publish("bad", 1, {});
  const d = await device("bad", emptyDisk(), { engine: failingOnWarmUp() });
  await publish("bad", 2, { "warmup.json": '{"warmup":[{"instances":[1]}]}' });
  await d.runtime.sync();
  await d.runtime.settled();
  expect(d.runtime.status("bad")).toMatchObject([
    { version: 2, state: "END", error: { code: "SELF_TEST_FAILED", message: expect.stringContaining("Warm-up of bad version 2 failed on cpu at record 1: Made to fail.") as string } },
    { version: 1, state: "AVAILABLE" },
  ]);
  expect(d.warmedUp).toEqual(["2 INTERNAL 1 true"]);
  expect(await d.ask(1, "/v1/models/bad:predict")).toMatchObject({ status: 200, version: "1", y: 2 });
});

test("a SavedModel of serialized examples is proved on its features, warm on its records, and classifies", async () => {
  const folder = publishing.folder("scores/1");
  await examples().write(folder);
  await mkdir(join(folder, "assets.extra"));
  const example = { features: { feature: { x: { float_list: { value: [1, 2] } } } } };
  await writeFile(join(folder, "assets.extra/tf_serving_warmup_requests"), tfRecordFile([predictionLog({ classify_log: { request: { model_spec: { signature_name: "classify" }, input: { example_list: { examples: [example, {}] } } } } })]));
  const { notes } = await publishing.publish("scores", 1);
  expect(notes.join()).not.toContain("no self-test");
  const d = await device("scores");
  expect(d.warmedUp).toEqual(["1 OK 1 true"]);
  const ask = async (verb: string, body: string): Promise<unknown> => {
    const answer = await d.runtime.handle({ method: "POST", target: `/v1/models/scores:${verb}`, body: () => new TextEncoder().encode(body) });
    return JSON.parse(typeof answer.body === "string" ? answer.body : new TextDecoder().decode(answer.body));
  };
  expect(await ask("classify", '{"signature_name":"classify","examples":[{"x":[3.0,1.0]},{}]}')).toEqual({ results: [[["", 5]], [["", 0]]] });
  expect(await ask("regress", '{"context":{"x":[1.0,0.0]},"examples":[{},{"x":[0.0,1.0]}]}')).toEqual({ results: [2, -1] });
});

/** Computes a self-test, and of a model loaded later nothing after it. */
function failingOnWarmUp(): EngineHost {
  const inner = createInProcessEngineHost({ backends: ["cpu"] });
  let loads = 0;
  return {
    backends: inner.backends,
    close: () => inner.close(),
    load: async (bytes, options) => {
      const model = await inner.load(bytes, options);
      const isFirst = ++loads === 1;
      let runs = 0;
      const run = (...args: Parameters<typeof model.run>): Promise<NamedTensors> => (isFirst || ++runs === 1 ? model.run(...args) : Promise.reject(new Error("Made to fail.")));
      return { backend: model.backend, lost: model.lost, run, close: () => model.close() };
    },
  };
}
