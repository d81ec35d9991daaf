import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AshoreError } from "../../protocol/errors.ts";
import { printGraphFile } from "../../protocol/graph.ts";
import type { Backend } from "../../protocol/manifest.ts";
import { mulberry32 } from "../../protocol/self-test.ts";
import { elementCount, type NamedTensors, type Tensor } from "../../protocol/tensor.ts";
import type { EngineHost, HostedModel } from "../../runtime/ports.ts";
import { packModel } from "../support/pack-model.ts";
import { copyRealModel, expectedAnswers, REAL_MODELS, type RealModel } from "../support/real-models.ts";
import { referenceAnswers } from "../support/reference-model.ts";
import { graphOfNodes, linearModel, node, placeholder, weightless } from "../support/small-graphs.ts";

interface Question {
  readonly input: string;
  readonly dtype: "float32" | "int32";
  readonly shape: readonly number[];
  readonly outputs: readonly string[];
  readonly backends: readonly Backend[];
}

/** What the real models are asked: control flow, float16 and uint8 weights are among them. The large ones are slow on cpu. */
const QUESTIONS: Readonly<Record<RealModel, Question>> = {
  emotion: { input: "input_1", dtype: "float32", shape: [1, 64, 64, 1], outputs: ["Identity"], backends: ["wasm", "cpu"] },
  facemesh: { input: "input_1", dtype: "float32", shape: [1, 192, 192, 3], outputs: ["Identity", "Identity_1", "Identity_2"], backends: ["wasm"] },
  centernet: { input: "tower_0/images", dtype: "float32", shape: [1, 512, 512, 3], outputs: ["tower_0/wh", "tower_0/keypoints", "tower_0/detections"], backends: ["wasm"] },
  handtrack: {
    input: "input_tensor",
    dtype: "int32",
    shape: [1, 160, 160, 3],
    outputs: ["Identity", "Identity_1", "Identity_2", "Identity_3", "Identity_4", "Identity_5", "Identity_6", "Identity_7"],
    backends: ["wasm", "cpu"],
  },
  blazeface: { input: "input", dtype: "float32", shape: [1, 256, 256, 3], outputs: ["Identity", "Identity_1", "Identity_2", "Identity_3"], backends: ["wasm"] },
  antispoof: { input: "conv2d_input", dtype: "float32", shape: [1, 128, 128, 3], outputs: ["Identity"], backends: ["wasm", "cpu"] },
  "basic-pitch": { input: "input_2", dtype: "float32", shape: [1, 43844, 1], outputs: ["Identity", "Identity_1", "Identity_2"], backends: ["wasm"] },
};

export interface EngineHostUnderTest {
  /** What the host has; most is asked of the first. Default: wasm, cpu. */
  readonly backends?: readonly [Backend, Backend];
  /** Which of the real models to ask. Default: all. */
  readonly models?: readonly RealModel[];
}

/** What every engine host does, wherever it computes. `make` starts one; the suite closes it. */
export function describeEngineHost(name: string, make: () => EngineHost | Promise<EngineHost>, { backends = ["wasm", "cpu"], models = REAL_MODELS }: EngineHostUnderTest = {}): void {
  const [first, second] = backends;
  describe(name, () => {
    let host: EngineHost;
    let folder: string;
    beforeAll(async () => {
      host = await make();
      folder = await mkdtemp(join(tmpdir(), "ashore-engine-"));
    });
    afterAll(async () => {
      await host.close();
      await rm(folder, { recursive: true });
    });

    const linear = (backend = first): Promise<HostedModel> => host.load(linearModel(0.5, 2), { backend });

    describe.each(models.map((real) => [real, QUESTIONS[real]] as const))("%s", (real, question) => {
      test.each(question.backends.filter((backend) => backends.includes(backend)))("answers on %s as plain TF.js does on cpu", async (backend) => {
        const home = join(folder, real, backend);
        await copyRealModel(real, home);
        const feeds = { [`${question.input}:0`]: referenceInput(question) };
        const fetches = question.outputs.map((output) => `${output}:0`);
        const model = await host.load(await packModel(join(home, "model.json"), { shardBytes: 1_000_003 }), { backend });
        expect(model.backend).toBe(backend);
        const answers = await model.run(feeds, fetches);
        await model.close();
        const reference = samples(real) ?? sampled(await referenceAnswers(join(home, "model.json"), feeds, fetches));
        expect(Object.keys(answers)).toEqual(fetches);
        for (const fetch of fetches) expectAlike(fetch, answers[fetch], reference[fetch]);
      });
    });

    test("twenty requests at once each get their own answer", async () => {
      const model = await linear();
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => model.run({ "x:0": floats(i, -i) }, ["y:0"])));
      expect(answers.map((answer) => [...numbers(answer["y:0"])])).toEqual(answers.map((_, i) => [i / 2 + 2, -i / 2 + 2]));
      await model.close();
    });

    test("several models answer side by side, on different backends", async () => {
      const models = await Promise.all([host.load(linearModel(1, 0), { backend: first }), host.load(linearModel(10, 0), { backend: second }), host.load(linearModel(100, 0), { backend: first })]);
      const rounds = await Promise.all(Array.from({ length: 5 }, () => Promise.all(models.map((model) => model.run({ "x:0": floats(3) }, ["y:0"])))));
      for (const round of rounds) expect(round.map((answer) => numbers(answer["y:0"])[0])).toEqual([3, 30, 300]);
      await models[0]?.close();
      expect(numbers((await models[2]?.run({ "x:0": floats(4) }, ["y:0"]))?.["y:0"])).toEqual(Float32Array.of(400));
      await Promise.all(models.map((model) => model.close()));
    });

    test("feeds stay the caller's, views into larger buffers too", async () => {
      const model = await linear();
      const large = new Float32Array(100_000).fill(7);
      const part = large.subarray(10, 90_010);
      const answer = await model.run({ "x:0": { dtype: "float32", shape: [90_000], data: part } }, ["y:0"]);
      expect(numbers(answer["y:0"])).toHaveLength(90_000);
      expect(numbers(answer["y:0"]).at(-1)).toBe(5.5);
      expect(large).toHaveLength(100_000);
      expect(large.every((x) => x === 7)).toBe(true);
      await model.close();
    });

    test("intermediate tensors and feeds can be fetched, an answer asked for twice, and an empty batch", async () => {
      const model = await linear();
      const answer = await model.run({ "x:0": floats(8) }, ["ax:0", "x:0", "a:0", "y:0"]);
      expect(["ax:0", "x:0", "a:0", "y:0"].map((name) => numbers(answer[name])[0])).toEqual([4, 8, 0.5, 6]);
      expect(numbers((await model.run({ "x:0": floats(8) }, ["a:0", "y:0"]))["y:0"])[0]).toBe(6);
      const many = floats(...Array.from({ length: 5000 }, (_, i) => i));
      expect(numbers((await model.run({ "x:0": many }, ["y:0", "y:0", "ax:0"]))["y:0"])[4999]).toBe(2501.5);
      expect((await model.run({ "x:0": floats() }, ["y:0"]))["y:0"]?.shape).toEqual([0]);
      await model.close();
    });

    test.each(backends)("strings are bytes, UTF-8 or not, on %s", async (backend) => {
      const model = await host.load(weightless(placeholder("x", "DT_STRING", [-1]), node("y", "Identity", ["x"], { T: { type: "DT_STRING" } })), { backend });
      const data = [Uint8Array.of(0xff, 0, 0xfe), new TextEncoder().encode("grüße"), new Uint8Array()];
      const answer = await model.run({ "x:0": { dtype: "string", shape: [3], data } }, ["y:0"]);
      expect(answer["y:0"]?.shape).toEqual([3]);
      expect([...(answer["y:0"]?.data ?? [])].map((bytes) => [...(bytes as Uint8Array)])).toEqual(data.map((bytes) => [...bytes]));
      await model.close();
    });

    test("complex numbers are pairs", async () => {
      const model = await host.load(weightless(placeholder("x", "DT_COMPLEX64", [-1]), node("y", "Identity", ["x"], { T: { type: "DT_COMPLEX64" } })), { backend: "cpu" });
      const answer = await model.run({ "x:0": { dtype: "complex64", shape: [2], data: Float32Array.of(1, -2, 3, -4) } }, ["y:0"]);
      expect(answer["y:0"]).toEqual({ dtype: "complex64", shape: [2], data: Float32Array.of(1, -2, 3, -4) });
      await model.close();
    });

    test.each(backends)("a cast to bool is true for whatever is not zero, on %s", async (backend) => {
      const cast = node("y", "Cast", ["x"], { SrcT: { type: "DT_FLOAT" }, DstT: { type: "DT_BOOL" } });
      const model = await host.load(weightless(placeholder("x", "DT_FLOAT", [-1]), cast), { backend });
      const answer = await model.run({ "x:0": floats(0, -0, 0.25, -0.5, 1, 256, Number.NaN) }, ["y:0"]);
      expect(answer["y:0"]).toEqual({ dtype: "bool", shape: [7], data: Uint8Array.of(0, 0, 1, 1, 1, 1, 1) });
      // As many as a device apart computes itself.
      const many = floats(...Array.from({ length: 4000 }, (_, i) => (i % 2) * 0.5), Number.NaN, 256, -0);
      const truths = (await model.run({ "x:0": many }, ["y:0"]))["y:0"]?.data;
      expect(truths).toEqual(Uint8Array.from([...Array.from({ length: 4000 }, (_, i) => i % 2), 1, 1, 0]));
      await model.close();
    });

    describe("what is wrong with a request is said, and the next one is answered", () => {
      let model: HostedModel;
      beforeAll(async () => {
        model = await host.load(weightless(placeholder("x", "DT_FLOAT", [-1, 2]), placeholder("z", "DT_FLOAT"), node("y", "AddV2", ["x", "z"], { T: { type: "DT_FLOAT" } })), { backend: first });
      });
      afterAll(() => model.close());
      const x: Tensor = { dtype: "float32", shape: [1, 2], data: Float32Array.of(1, 2) };

      test.each<[string, NamedTensors, string[], RegExp]>([
        ["a feed that the graph has not", { "x:0": x, "z:0": x, "q:0": x }, ["y:0"], /q:0/],
        ["an output that the graph has not", { "x:0": x, "z:0": x }, ["q:0"], /q:0/],
        ["a feed that is missing", { "x:0": x }, ["y:0"], /z/],
        ["a wrong shape", { "x:0": { ...x, shape: [2, 1] }, "z:0": x }, ["y:0"], /x.*\[-1,2\].*\[2,1\]/],
        ["a wrong dtype", { "x:0": { dtype: "int32", shape: [1, 2], data: Int32Array.of(1, 2) }, "z:0": x }, ["y:0"], /x.*float32.*int32/],
        ["too few elements", { "x:0": { ...x, shape: [3, 2] }, "z:0": x }, ["y:0"], /x:0 has 2 elements .* 6/],
        ["data of another type", { "x:0": { ...x, data: Float64Array.of(1, 2) }, "z:0": x }, ["y:0"], /x:0.*Float64Array/],
        ["a dtype that the engine lacks", { "x:0": { dtype: "int64", shape: [1, 2], data: BigInt64Array.of(1n, 2n) }, "z:0": x }, ["y:0"], /x:0.*int64/],
        ["shapes that do not go together", { "x:0": x, "z:0": { dtype: "float32", shape: [3], data: Float32Array.of(1, 2, 3) } }, ["y:0"], /broadcast|shapes/],
        ["nothing to fetch", { "x:0": x, "z:0": x }, [], /output/],
      ])("%s", async (_, feeds, fetches, message) => {
        await expect(model.run(feeds, fetches)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringMatching(message) });
        expect(numbers((await model.run({ "x:0": x, "z:0": x }, ["y:0"]))["y:0"])).toEqual(Float32Array.of(2, 4));
      });
    });

    test("what no memory holds is refused, and the next request is answered", async () => {
      const fill = node("y", "Fill", ["dims", "x"], { T: { type: "DT_FLOAT" }, index_type: { type: "DT_INT32" } });
      const model = await host.load(weightless(placeholder("dims", "DT_INT32", [-1]), placeholder("x", "DT_FLOAT", []), fill), { backend: first });
      const ask = (...dims: number[]): Promise<NamedTensors> =>
        model.run({ "dims:0": { dtype: "int32", shape: [dims.length], data: Int32Array.from(dims) }, "x:0": { dtype: "float32", shape: [], data: Float32Array.of(3) } }, ["y:0"]);
      await expect(ask(2 ** 15, 2 ** 15)).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
      await expect(ask(2 ** 15, 2 ** 16)).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
      expect(numbers((await ask(2, 2))["y:0"])).toEqual(Float32Array.of(3, 3, 3, 3));
      await model.close();
    });

    // A GPU answers what is out of bounds with what is in them.
    const testOnWasm = first === "wasm" ? test : (): void => undefined;
    testOnWasm("a trap in the WebAssembly module is told, and a model can be loaded again", async () => {
      const gather = node("y", "GatherNd", ["x", "indices"], { Tparams: { type: "DT_FLOAT" }, Tindices: { type: "DT_INT32" } });
      const model = await host.load(weightless(placeholder("x", "DT_FLOAT", [-1]), placeholder("indices", "DT_INT32", [-1, 1]), gather), { backend: "wasm" });
      const at = (index: number): Promise<NamedTensors> => model.run({ "x:0": floats(1, 2), "indices:0": { dtype: "int32", shape: [1, 1], data: Int32Array.of(index) } }, ["y:0"]);
      expect(numbers((await at(1))["y:0"])[0]).toBe(2);
      await expect(at(2 ** 29)).rejects.toMatchObject({ code: "ENGINE_CRASHED" });
      expect((await model.lost).code).toBe("ENGINE_CRASHED");
      await expect(at(1)).rejects.toMatchObject({ code: "ENGINE_CRASHED" });
      await model.close();
      const next = await linear();
      expect(numbers((await next.run({ "x:0": floats(2) }, ["y:0"]))["y:0"])[0]).toBe(3);
      await next.close();
    });

    describe("what cannot be loaded is refused", () => {
      test("a backend that this host has not", async () => {
        const missing = (["webgpu", "wasm", "cpu"] as const).find((one) => !backends.includes(one)) ?? "webgpu";
        await expect(host.load(linearModel(1, 1), { backend: missing })).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
      });

      test("operations that TF.js has not, by name", async () => {
        const model = weightless(placeholder("x", "DT_FLOAT"), node("y", "Erfinv", ["x"]), node("z", "MadeUp", ["y"]));
        await expect(host.load(model, { backend: first })).rejects.toMatchObject({ code: "MODEL_UNSUPPORTED_OP", message: expect.stringMatching(/Erfinv.*y.*MadeUp.*z/s) });
      });

      test("a graph that is not one", async () => {
        const { index, shards } = linearModel(1, 1);
        await expect(host.load({ graph: new TextEncoder().encode("<!doctype html>"), index, shards }, { backend: first })).rejects.toMatchObject({ code: "MODEL_MALFORMED" });
      });

      test("a graph that names nodes it has not", async () => {
        await expect(host.load(weightless(node("y", "Identity", ["nobody"])), { backend: first })).rejects.toMatchObject({ code: "MODEL_MALFORMED" });
      });

      test("an index without the graph's weights", async () => {
        const { graph } = linearModel(1, 1);
        const { index } = weightless(placeholder("x", "DT_FLOAT"));
        await expect(host.load({ graph, index, shards: [] }, { backend: first })).rejects.toMatchObject({ code: "MODEL_MALFORMED", message: expect.stringMatching(/a, b/) });
      });

      test("a graph without nodes to feed still loads", async () => {
        const model = await host.load({ ...linearModel(1, 1), graph: printGraphFile(graphOfNodes([])) }, { backend: first });
        await model.close();
      });
    });

    test("aborting ends a load", async () => {
      const abort = new AbortController();
      const loading = host.load(linearModel(1, 1), { backend: first, signal: abort.signal });
      abort.abort();
      await expect(loading).rejects.toMatchObject({ code: "CANCELLED" });
      await expect(host.load(linearModel(1, 1), { backend: first, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
    });

    test("aborting ends a request that waits, and no other", async () => {
      const model = await linear();
      const abort = new AbortController();
      const requests = Array.from({ length: 6 }, (_, i) => model.run({ "x:0": floats(i) }, ["y:0"], i % 2 === 0 ? {} : { signal: abort.signal }));
      const settled = Promise.allSettled(requests);
      abort.abort(new DOMException("too late", "TimeoutError"));
      const results = await settled;
      expect(results.map((result) => (result.status === "fulfilled" ? numbers(result.value["y:0"])[0] : (result.reason as AshoreError).code))).toEqual([
        2, "DEADLINE_EXCEEDED", 3, "DEADLINE_EXCEEDED", 4, "DEADLINE_EXCEEDED",
      ]);
      await model.close();
    });

    test("a closed model answers no more, and closing again is no fault", async () => {
      const model = await linear();
      await model.close();
      await expect(model.run({ "x:0": floats(1) }, ["y:0"])).rejects.toMatchObject({ code: "CANCELLED" });
      await model.close();
    });
  });
}

function floats(...values: number[]): Tensor {
  return { dtype: "float32", shape: [values.length], data: Float32Array.from(values) };
}

function numbers(tensor: Tensor | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new TypeError(`float32 was expected, not ${tensor?.dtype}`);
  return tensor.data;
}

/** One mulberry32(42) stream, as the reference answers were computed for. */
function referenceInput({ dtype, shape }: Question): Tensor {
  const random = mulberry32(42);
  const length = elementCount(shape);
  return dtype === "int32"
    ? { dtype, shape, data: Int32Array.from({ length }, () => Math.floor(256 * random())) }
    : { dtype, shape, data: Float32Array.from({ length }, random) };
}

interface Samples {
  readonly shape: readonly number[];
  readonly samples: readonly (readonly [number, number])[];
}

function samples(real: RealModel): Record<string, Samples> | undefined {
  const expected = expectedAnswers(real);
  return expected && Object.fromEntries(expected.outputs.map(({ name, shape, samples: values }) => [`${name}:0`, { shape, samples: values }]));
}

function sampled(answers: NamedTensors): Record<string, Samples> {
  return Object.fromEntries(Object.entries(answers).map(([name, tensor]) => [name, { shape: tensor.shape, samples: [...numbers(tensor)].map((value, i) => [i, value] as const) }]));
}

function expectAlike(name: string, actual: Tensor | undefined, expected: Samples | undefined): void {
  if (expected === undefined) throw new TypeError(`there is no reference for ${name}`);
  expect(actual?.shape, name).toEqual(expected.shape);
  const data = numbers(actual);
  for (const [at, value] of expected.samples) {
    const error = Math.abs((data[at] ?? Number.NaN) - value) / (1e-3 + Math.abs(value));
    expect(error, `${name}[${at}] is ${data[at]}, not ${value}`).toBeLessThan(2e-2);
  }
}
