import { afterEach, expect, test } from "vitest";
import { nodeClock } from "../../../edge/node-clock.ts";
import { digestOfHex } from "../../../protocol/digest.ts";
import type { Manifest, SignatureDef } from "../../../protocol/manifest.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { NamedTensors, Tensor } from "../../../protocol/tensor.ts";
import { InferenceTime, Manager } from "../../../runtime/activate/index.ts";
import { createRestCore, predict, type RestCore } from "../../../runtime/predict/index.ts";
import { tfExample } from "../../support/tf-example.ts";
import { fakeEngine } from "../activate/fake-engine.ts";

const info = (name: string, dtype: SignatureDef["inputs"][string]["dtype"]): SignatureDef["inputs"][string] => ({ name: `${name}:0`, dtype, shape: [-1] });
const EXAMPLES: SignatureDef["examples"] = {
  features: [
    { key: "x", tensor: "x:0", dtype: "float32", shape: [] },
    { key: "n", tensor: "n:0", dtype: "int64", shape: [], default: { shape: [], values: ["2"] } },
  ],
};
const MANIFEST: Manifest = {
  schemaVersion: 1,
  model: modelName("m"),
  version: version(1),
  created: "2026-01-01T00:00:00Z",
  signatureDefs: {
    serving_default: { methodName: "", inputs: { x: info("x", "float32"), n: info("n", "int64") }, outputs: { y: info("y", "float32") }, defaults: { n: { shape: [1], values: ["3"] } } },
    classify: { methodName: "", inputs: { inputs: info("gone", "string") }, outputs: { scores: { name: "scores:0", dtype: "float32", shape: [-1, 1] } }, examples: EXAMPLES },
    regress: { methodName: "", inputs: { inputs: info("gone", "string") }, outputs: { outputs: info("y", "float32") }, examples: EXAMPLES },
  },
  assets: [],
  selfTest: null,
  warmup: [],
  variants: [],
};

const cores: RestCore[] = [];
afterEach(() => {
  for (const core of cores.splice(0)) core.close();
});

/** y = x n, on a graph that is fed with x and n and with nothing else. */
async function bench() {
  const fed: NamedTensors[] = [];
  const compute = async (feeds: NamedTensors): Promise<NamedTensors> => {
    fed.push(feeds);
    const { "x:0": x, "n:0": n } = feeds as { "x:0": Tensor; "n:0": Tensor };
    const rows = x.data.length;
    const y = Float32Array.from({ length: rows }, (_, at) => Number(x.data[at]) * Number(n.data[n.data.length === 1 ? 0 : at]));
    return { "y:0": { dtype: "float32", shape: [rows], data: y }, "scores:0": { dtype: "float32", shape: [rows, 1], data: y } };
  };
  const engine = fakeEngine({ compute });
  const manager = new Manager({
    load: async (model, wanted, { signal }) => ({
      ...wanted,
      model,
      manifest: MANIFEST,
      backend: "wasm",
      hosted: await engine.load({ graph: new Uint8Array(), index: new Uint8Array(), shards: [] }, { backend: "wasm", signal }),
      time: new InferenceTime(nodeClock),
    }),
    clock: nodeClock,
    report: () => undefined,
    beforeLatest: async () => undefined,
    onFailed: () => undefined,
  });
  manager.setAspired(MANIFEST.model, { aspired: [{ version: version(1), digest: digestOfHex("a".repeat(64)) }], blocked: new Set(), labels: {}, latestFloor: 0 });
  manager.complete();
  await manager.settled();
  const core = createRestCore({ manager, clock: nodeClock });
  cores.push(core);
  const ask = async (target: string, body: unknown): Promise<unknown> => {
    const answer = await core.handle({ method: "POST", target, body: () => new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body)) });
    return JSON.parse(typeof answer.body === "string" ? answer.body : new TextDecoder().decode(answer.body));
  };
  return { ask, manager, fed };
}

test("classify and regress parse their examples in front of the graph; a context stands before each of them", async () => {
  const { ask, fed } = await bench();
  const body = '{"signature_name":"regress","examples":[{"x":1.5,"n":4},{"x":2.5}]}';
  expect(await ask("/v1/models/m:regress", body)).toEqual({ results: [6, 5] });
  expect(fed[0]).toEqual({ "x:0": { dtype: "float32", shape: [2], data: Float32Array.of(1.5, 2.5) }, "n:0": { dtype: "int32", shape: [2], data: Int32Array.of(4, 2) } });
  expect(await ask("/v1/models/m:regress", '{"signature_name":"regress","context":{"n":3,"x":[]},"examples":[{"x":1.0},{"x":1.0,"n":5}]}')).toEqual({ results: [3, 5] });
  expect(await ask("/v1/models/m:classify", '{"signature_name":"classify","examples":[{"x":1.5}]}')).toEqual({ results: [[["", 3]]] });
});

test("examples that do not fit are refused in TensorFlow's words", async () => {
  const { ask } = await bench();
  const regress = (examples: string) => ask("/v1/models/m:regress", `{"signature_name":"regress","examples":${examples}}`);
  expect(await regress('[{"n":1}]')).toEqual({ error: "Name: <unknown>, Feature: x (data type: float) is required but could not be found." });
  expect(await regress('[{"x":1.0},{"x":1}]')).toEqual({ error: "Name: <unknown>, Key: x, Index: 1.  Data types don't match. Data type: int64 but expected type: float" });
  expect(await regress('[{"x":1.0,"n":3000000000}]')).toMatchObject({ error: expect.stringContaining("3000000000 does not fit the 32 bits") as string });
});

test("serialized examples may be sent to :predict, and given to the JavaScript API", async () => {
  const { ask, manager } = await bench();
  const example = tfExample({ x: [2], n: [7n] });
  const b64 = Buffer.from(example).toString("base64");
  expect(await ask("/v1/models/m:predict", { signature_name: "regress", instances: [{ b64 }] })).toEqual({ predictions: [14] });
  const { outputs } = await predict(manager, { model: "m", signatureDef: "regress", inputs: { inputs: [example, example] } });
  expect(outputs["outputs"]?.data).toEqual(Float32Array.of(14, 14));
  await expect(predict(manager, { model: "m", signatureDef: "regress", inputs: { inputs: { dtype: "float32", shape: [1], data: Float32Array.of(1) } } })).rejects.toThrow("Input inputs is float32 where the signature def says string.");
});

test("an input with a default may be left out of the JavaScript API and of POST /predict, and TensorFlow Serving's routes want it", async () => {
  const { ask, manager } = await bench();
  const { outputs } = await predict(manager, { model: "m", inputs: { x: [1, 2] } });
  expect(outputs["y"]?.data).toEqual(Float32Array.of(3, 6));
  expect((await predict(manager, { model: "m", inputs: { x: [1], n: [5] } })).outputs["y"]?.data).toEqual(Float32Array.of(5));
  await expect(predict(manager, { model: "m", inputs: { n: [5] } })).rejects.toThrow("The input x (float32) of the signature def serving_default is missing.");

  expect(await ask("/predict", { input: [1, 2] })).toMatchObject({ outputs: [{ tensor: [3, 6] }] });
  expect(await ask("/predict", { input: { x: [1], n: [5] } })).toMatchObject({ outputs: [{ tensor: [5] }] });
  expect(await ask("/v1/models/m:predict", { inputs: { x: [1, 2] } })).toEqual({ error: "Missing named input: n in 'inputs' object." });
});
