import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createBatching } from "../../../runtime/index.ts";
import { writeDeepModel, writeHeavyModel, writeLinearModel } from "../../support/make-model.ts";
import { startPublishing, type Publishing } from "../../support/publishing.ts";
import { emptyDisk, testDevice, testServer, unreliableEngine, type Device } from "./device.ts";

let publishing: Publishing;
const devices: Device[] = [];
const runs: number[] = [];
const batching = createBatching({}, { now: () => 0, entered: () => undefined, waited: () => undefined, ran: (rows) => void runs.push(rows) });

beforeAll(async () => {
  publishing = await startPublishing();
  await writeLinearModel(publishing.folder("line/1"), 1, 1);
  await writeDeepModel(publishing.folder("deep/1"), { layers: 3, width: 8, seed: 1 });
  await writeHeavyModel(publishing.folder("mean/1"), { layers: 1, width: 4, rows: 2, seed: 1 });
  for (const model of ["line", "deep", "mean"]) await publishing.publish(model, 1);
});
afterAll(() => publishing.close());
afterEach(async () => {
  for (const one of devices.splice(0)) await one.runtime.close();
});

async function started(options: Parameters<typeof testDevice>[2] = {}): Promise<Device> {
  const device = await testDevice(testServer(publishing), emptyDisk(), options);
  devices.push(device);
  await device.runtime.start();
  runs.length = 0;
  return device;
}

test("the engine's own numbers, together as alone", async () => {
  const [alone, together] = [await started(), await started({ batching })];
  const inputs = Array.from({ length: 20 }, (_, i) => Float32Array.from({ length: 8 * (1 + (i % 3)) }, (_value, at) => Math.sin(i + at)));
  const ask = ({ runtime }: Device, data: Float32Array<ArrayBuffer>) => runtime.predict({ model: "deep", inputs: { x: { dtype: "float32", shape: [data.length / 8, 8], data } } });
  const answers = await Promise.all(inputs.map((data) => ask(together, data)));
  expect(runs).toEqual([inputs.reduce((sum, { length }) => sum + length / 8, 0)]);
  for (const [at, data] of inputs.entries()) {
    const { outputs } = await ask(alone, data);
    expect(answers[at]?.outputs["y"]?.shape).toEqual(outputs["y"]?.shape);
    const expected = outputs["y"]?.data as Float32Array;
    ((answers[at]?.outputs["y"]?.data ?? []) as Float32Array).forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 6));
  }
});

test("over REST; a model whose answer mixes the rows says so in its signature def, and is asked one by one", async () => {
  const device = await started({ batching });
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => device.ask(i)));
  expect(answers).toEqual(Array.from({ length: 30 }, (_, i) => ({ status: 200, version: "1", y: i + 1 })));
  expect(Math.max(...runs)).toBeGreaterThan(1);
  runs.length = 0;
  const y = async (x: number) => (await device.runtime.predict({ model: "mean", inputs: { x: [x] } })).outputs["y"]?.data;
  const [one, two, again] = await Promise.all([y(1), y(2), y(1)]);
  expect(one).toEqual(again);
  expect(one).not.toEqual(two);
  expect(runs).toEqual([]);
});

test("an engine that dies under a batch costs nobody an answer, and a new version nobody's", async () => {
  const engine = unreliableEngine();
  const device = await started({ batching, engine });
  let deaths = 0;
  engine.beforeRun = (model) => {
    if (deaths++ === 0) model.die();
  };
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => device.ask(i)));
  expect(answers.map(({ status, y }) => [status, y])).toEqual(Array.from({ length: 30 }, (_, i) => [200, i + 1]));

  await writeLinearModel(publishing.folder("line/2"), 1, 2);
  await publishing.publish("line", 2);
  let last: string | undefined;
  const callers = Array.from({ length: 8 }, async (_, x) => {
    while (last !== "2") {
      const { status, version, y } = await device.ask(x);
      expect([status, y]).toEqual([200, x + Number(version)]);
      last = version;
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  await device.runtime.sync();
  await Promise.all(callers);
  await device.untilState("1 END");
  expect(await device.ask(1)).toEqual({ status: 200, version: "2", y: 3 });
});
