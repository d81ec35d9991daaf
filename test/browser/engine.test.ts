import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS } from "../../protocol/limits.ts";
import { mulberry32 } from "../../protocol/self-test.ts";
import type { NamedTensors, Tensor } from "../../protocol/tensor.ts";
import type { HostedModel } from "../../runtime/ports.ts";
import { openEngineSite, openRemoteEngineHost, type RemoteEngineHost } from "../contract/engine-host-in-browser.ts";
import { describeEngineHost } from "../contract/engine-host.ts";
import type { ProbeOptions } from "../contract/engine-host-wire.ts";
import { launchChromium, SOFTWARE_WEBGPU } from "../support/chromium.ts";
import type { Site } from "../support/site.ts";
import { constant, graphOfNodes, linearModel, node, placeholder, weightless } from "../support/small-graphs.ts";
import { packWeights } from "../support/pack-model.ts";

/** The engine where it runs for users: in Chromium's workers, in the script that a bundler makes of it. */

let browser: Browser;
let withoutGpu: Browser;
let site: Site;
let isolated: Site;

beforeAll(async () => {
  [browser, withoutGpu, site, isolated] = await Promise.all([
    launchChromium({ args: SOFTWARE_WEBGPU }),
    launchChromium({ args: ["--disable-gpu", "--disable-software-rasterizer"] }),
    openEngineSite(),
    openEngineSite({ isolated: true }),
  ]);
});

afterAll(async () => {
  await Promise.all([browser?.close(), withoutGpu?.close(), site?.close(), isolated?.close()]);
});

const floats = (...values: number[]): Tensor => ({ dtype: "float32", shape: [values.length], data: Float32Array.from(values) });
const first = (answer: NamedTensors): unknown => answer["y:0"]?.data[0];

describeEngineHost("wasm and cpu in a dedicated worker", () => openRemoteEngineHost(browser, site, "dedicated worker", { backends: ["wasm", "cpu"] }), {
  models: ["emotion", "handtrack", "antispoof", "facemesh"],
});
describeEngineHost("wasm and cpu in a service worker", () => openRemoteEngineHost(browser, site, "service worker", { backends: ["wasm", "cpu"] }), {
  models: ["emotion", "handtrack"],
});
describeEngineHost("wasm in threads in an isolated page's worker", () => openRemoteEngineHost(browser, isolated, "dedicated worker", { backends: ["wasm", "cpu"], threads: true }), {
  models: ["emotion", "facemesh"],
});
describeEngineHost("webgpu in a dedicated worker", () => openRemoteEngineHost(browser, site, "dedicated worker", { backends: ["webgpu", "cpu"] }), { backends: ["webgpu", "cpu"], models: [] });
describeEngineHost("webgpu in a service worker", () => openRemoteEngineHost(browser, site, "service worker", { backends: ["webgpu", "cpu"] }), { backends: ["webgpu", "cpu"], models: [] });

/** A host of its own, closed after `use`. */
async function withHost(open: () => Promise<RemoteEngineHost>, use: (host: RemoteEngineHost) => Promise<void>): Promise<void> {
  const host = await open();
  try {
    await use(host);
  } finally {
    await host.close();
  }
}

const dedicated = (options: ProbeOptions, at = site, inside = browser) => () => openRemoteEngineHost(inside, at, "dedicated worker", options);

describe("the wasm file", () => {
  test("is asked for once by its name, ahead of the first model if the host prepares", async () => {
    await withHost(dedicated({ backends: ["wasm", "cpu"] }), async (host) => {
      await host.prepare("wasm");
      expect(await host.inspect()).toMatchObject({ backend: "wasm", wasmFiles: ["tfjs-backend-wasm-simd.wasm"], threads: 1 });
      const model = await host.load(linearModel(2, 1), { backend: "wasm" });
      expect(first(await model.run({ "x:0": floats(3) }, ["y:0"]))).toBe(7);
      expect((await host.inspect()).wasmFiles).toHaveLength(1);
    });
  });

  test.each([
    ["that is not one", { body: "<!doctype html>", type: "text/html" }],
    ["that does not come", "drop" as const],
  ])("a file %s is told, prepare keeps quiet, and the next one is taken", async (_, instead) => {
    await withHost(dedicated({ backends: ["wasm", "cpu"] }), async (host) => {
      site.setBetween((path) => (path.endsWith(".wasm") ? instead : undefined));
      try {
        await host.prepare("wasm");
        await expect(host.load(linearModel(2, 1), { backend: "wasm" })).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE", message: expect.stringMatching(/wasm backend does not start here: ./) });
        const meanwhile = await host.load(linearModel(2, 1), { backend: "cpu" });
        expect(first(await meanwhile.run({ "x:0": floats(3) }, ["y:0"]))).toBe(7);
      } finally {
        site.setBetween(undefined);
      }
      const model = await host.load(linearModel(2, 1), { backend: "wasm" });
      expect(first(await model.run({ "x:0": floats(3) }, ["y:0"]))).toBe(7);
    });
  });

  test("threads run where the page is isolated and the host asks for them, and nowhere else", async () => {
    const named = async (host: RemoteEngineHost): Promise<readonly string[]> => {
      await host.prepare("wasm");
      return (await host.inspect()).wasmFiles;
    };
    const options = { backends: ["wasm"], threads: true } as const;
    await withHost(dedicated(options, isolated), async (host) => {
      expect(await named(host)).toEqual(["tfjs-backend-wasm-threaded-simd.wasm"]);
      expect((await host.inspect()).threads).toBeGreaterThanOrEqual(1);
    });
    await withHost(dedicated({ backends: ["wasm"] }, isolated), async (host) => expect(await named(host)).toEqual(["tfjs-backend-wasm-simd.wasm"]));
    await withHost(dedicated(options), async (host) => expect(await named(host)).toEqual(["tfjs-backend-wasm-simd.wasm"]));
    await withHost(
      () => openRemoteEngineHost(browser, isolated, "service worker", options),
      async (host) => {
        expect(await named(host)).toEqual(["tfjs-backend-wasm-simd.wasm"]);
        expect((await host.inspect()).backend).toBe("wasm");
      },
    );
  });
});

describe("webgpu", () => {
  const options: ProbeOptions = { backends: ["webgpu", "wasm", "cpu"] };
  /** y = x w, a product that the device computes however small it is. */
  const product = () => {
    const T = { T: { type: "DT_FLOAT" } };
    const graph = graphOfNodes([
      placeholder("x", "DT_FLOAT", [-1, 2]),
      constant("w", "DT_FLOAT"),
      node("y", "MatMul", ["x", "w"], { ...T, transpose_a: { b: false }, transpose_b: { b: false } }),
    ]);
    return packWeights(graph, [{ name: "w", shape: [2, 1], dtype: "float32" }], new Uint8Array(Float32Array.of(10, 1).buffer));
  };
  const ask = (model: HostedModel): Promise<NamedTensors> => model.run({ "x:0": { dtype: "float32", shape: [1, 2], data: Float32Array.of(3, 4) } }, ["y:0"]);

  test("computes on the device, and gives its memory back", async () => {
    await withHost(dedicated(options), async (host) => {
      const model = await host.load(product(), { backend: "webgpu" });
      expect(await ask(model)).toEqual({ "y:0": { dtype: "float32", shape: [1, 1], data: Float32Array.of(34) } });
      const busy = await host.inspect();
      expect(busy).toMatchObject({ backend: "webgpu", pipelines: 1 });
      for (let i = 0; i < 5; i++) await ask(model);
      expect((await host.inspect()).gpuBytes).toBe(busy.gpuBytes);
      await model.close();
      expect((await host.inspect()).gpuBytes).toBeLessThan(busy.gpuBytes);
    });
  });

  test("a small convolutional network answers as it does on the processor", async () => {
    const FLOAT = { T: { type: "DT_FLOAT" } };
    const sizes = { kernel: [3, 3, 3, 8], bias: [8], dense: [8, 5], axes: [2] };
    const graph = graphOfNodes([
      placeholder("x", "DT_FLOAT", [-1, 16, 16, 3]),
      ...["kernel", "bias", "dense"].map((name) => constant(name, "DT_FLOAT")),
      constant("axes", "DT_INT32"),
      node("conv", "Conv2D", ["x", "kernel"], { ...FLOAT, strides: { list: { i: ["1", "2", "2", "1"] } }, padding: { s: "U0FNRQ==" }, data_format: { s: "TkhXQw==" }, dilations: { list: { i: ["1", "1", "1", "1"] } } }),
      node("biased", "BiasAdd", ["conv", "bias"], FLOAT),
      node("relu", "Relu", ["biased"], FLOAT),
      node("mean", "Mean", ["relu", "axes"], { ...FLOAT, Tidx: { type: "DT_INT32" }, keep_dims: { b: false } }),
      node("logits", "MatMul", ["mean", "dense"], { ...FLOAT, transpose_a: { b: false }, transpose_b: { b: false } }),
      node("y", "Softmax", ["logits"], FLOAT),
    ]);
    const random = mulberry32(7);
    const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
    const weights = Object.entries(sizes).map(([name, shape]) => ({ name, shape, dtype: name === "axes" ? ("int32" as const) : ("float32" as const) }));
    const data = weights.map(({ name, shape }) => new Uint8Array(name === "axes" ? Int32Array.of(1, 2).buffer : Float32Array.from({ length: count(shape) }, () => 4 * random() - 2).buffer));
    const bytes = () => packWeights(graph, weights, Buffer.concat(data));
    const shape = [2, 16, 16, 3];
    const image: Tensor = { dtype: "float32", shape, data: Float32Array.from({ length: count(shape) }, random) };
    await withHost(dedicated(options), async (host) => {
      const models = await Promise.all(host.backends.map((backend) => host.load(bytes(), { backend })));
      const [gpu, ...others] = await Promise.all(models.map(async (model) => (await model.run({ "x:0": image }, ["y:0"]))["y:0"]));
      expect((await host.inspect()).pipelines).toBeGreaterThanOrEqual(4);
      expect(gpu?.shape).toEqual([2, 5]);
      for (const other of others) {
        Array.from(gpu?.data ?? [], Number).forEach((value, i) => expect(value).toBeCloseTo(Number(other?.data[i]), 4));
      }
    });
  });

  test("sums from behind, steps backwards and rounding are on the device as they are on the processor", async () => {
    const FLOAT = { T: { type: "DT_FLOAT" } };
    const axis = { Tidx: { type: "DT_INT32" }, Index: { type: "DT_INT32" } };
    const numbers = { last: [], begin: [2], end: [2], step: [2], three: [] } as const;
    const graph = graphOfNodes([
      placeholder("x", "DT_FLOAT", [-1, 64]),
      ...Object.keys(numbers).map((name) => constant(name, name === "three" ? "DT_FLOAT" : "DT_INT32")),
      node("sums", "Cumsum", ["x", "last"], { ...FLOAT, ...axis, exclusive: { b: true }, reverse: { b: true } }),
      node("steps", "StridedSlice", ["x", "begin", "end", "step"], { ...FLOAT, ...axis, begin_mask: { i: "3" }, end_mask: { i: "3" } }),
      node("even", "Round", ["x"], FLOAT),
      node("rest", "FloorMod", ["x", "three"], FLOAT),
      node("product", "Prod", ["x", "last"], { ...FLOAT, ...axis, keep_dims: { b: false } }),
    ]);
    const weights = Object.entries(numbers).map(([name, shape]) => ({ name, shape: [...shape], dtype: name === "three" ? ("float32" as const) : ("int32" as const) }));
    const data = [[1], [0, 0], [0, 0], [1, -2], [3]].map((values, at) => new Uint8Array((at === 4 ? Float32Array.from(values) : Int32Array.from(values)).buffer));
    const bytes = () => packWeights(graph, weights, Buffer.concat(data));
    // Halves from -2 to 2, enough of them that none is left to the processor.
    const x: Tensor = { dtype: "float32", shape: [32, 64], data: Float32Array.from({ length: 2048 }, (_, i) => (((i * 7) % 9) - 4) / 2) };
    const fetches = ["sums:0", "steps:0", "even:0", "rest:0", "product:0"];
    await withHost(dedicated(options), async (host) => {
      const [gpu, cpu] = await Promise.all((["webgpu", "cpu"] as const).map(async (backend) => (await host.load(bytes(), { backend })).run({ "x:0": x }, fetches)));
      expect((await host.inspect()).pipelines).toBeGreaterThanOrEqual(fetches.length);
      expect(cpu?.["steps:0"]?.shape).toEqual([32, 32]);
      // Adding nothing makes of -0, which one of the two rounds to, a plain 0.
      const values = (answer: NamedTensors | undefined) => fetches.map((name) => Array.from(answer?.[name]?.data ?? [], Number).map((value) => value + 0));
      expect(values(gpu)).toEqual(values(cpu));
    });
  });

  test("a device that is lost takes its models with it, and another backend takes over until it is tried again", async () => {
    await withHost(dedicated(options), async (host) => {
      const [model, idle, other] = await Promise.all([host.load(product(), { backend: "webgpu" }), host.load(linearModel(1, 1), { backend: "webgpu" }), host.load(product(), { backend: "wasm" })]);
      expect(first(await ask(model))).toBe(34);
      await host.breakDevice("lost");
      await expect(ask(model)).rejects.toMatchObject({ code: "ENGINE_CRASHED" });
      expect((await model.lost).message).toMatch(/GPU device was lost/);
      expect((await idle.lost).code).toBe("ENGINE_CRASHED");
      await expect(host.load(product(), { backend: "webgpu" })).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE", message: expect.stringMatching(/tried again in \d+ s/) });
      expect(first(await ask(other))).toBe(34);
      expect(first(await ask(await host.load(product(), { backend: "wasm" })))).toBe(34);
      await Promise.all([model.close(), idle.close()]);
      await host.advance(LIMITS.crashMemoryMs);
      const next = await host.load(product(), { backend: "webgpu" });
      expect(first(await ask(next))).toBe(34);
      expect(await host.inspect()).toMatchObject({ backend: "webgpu", pipelines: 1 });
    });
  });

  test("requests under way when the device is lost are rejected", async () => {
    await withHost(dedicated(options), async (host) => {
      const model = await host.load(product(), { backend: "webgpu" });
      await ask(model);
      const asked = [ask(model), ask(model), ask(model)];
      const lost = host.breakDevice("lost");
      const results = await Promise.allSettled(asked);
      await lost;
      // The first may have had its answer already; none is wrong, and none waits for ever.
      for (const result of results) {
        if (result.status === "fulfilled") expect(first(result.value)).toBe(34);
        else expect(result.reason).toMatchObject({ code: "ENGINE_CRASHED" });
      }
      expect(results.at(-1)?.status).toBe("rejected");
    });
  });

  test("is told to be missing where there is no GPU", async () => {
    await withHost(dedicated(options, site, withoutGpu), async (host) => {
      await expect(host.load(product(), { backend: "webgpu" })).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE", message: expect.stringMatching(/no WebGPU|no GPU/) });
      expect(first(await ask(await host.load(product(), { backend: "wasm" })))).toBe(34);
    });
  });

  test("what the device refuses is told, where TF.js would answer zeros, and costs no other model", async () => {
    await withHost(dedicated(options), async (host) => {
      const [model, other] = await Promise.all([host.load(product(), { backend: "webgpu" }), host.load(weightless(placeholder("x", "DT_FLOAT", [-1]), node("y", "Exp", ["x"], { T: { type: "DT_FLOAT" } })), { backend: "webgpu" })]);
      expect(first(await ask(model))).toBe(34);
      await host.breakDevice("no shader compiles");
      const many = floats(...Array.from({ length: 2000 }, () => 1));
      await expect(other.run({ "x:0": many }, ["y:0"])).rejects.toMatchObject({ code: "INTERNAL", message: expect.stringMatching(/WebGPU refused/) });
      await expect(other.run({ "x:0": many }, ["y:0"])).rejects.toMatchObject({ code: "INTERNAL" });
      expect(first(await ask(model))).toBe(34);
    });
  });

  test("a device whose memory is full is given up, and the request may be asked elsewhere", async () => {
    await withHost(dedicated(options), async (host) => {
      const [model, other] = await Promise.all([host.load(product(), { backend: "webgpu" }), host.load(product(), { backend: "webgpu" })]);
      expect(first(await ask(other))).toBe(34);
      await host.breakDevice("no memory");
      const rows = 1000;
      const large: NamedTensors = { "x:0": { dtype: "float32", shape: [rows, 2], data: new Float32Array(rows * 2).fill(1) } };
      await expect(model.run(large, ["y:0"])).rejects.toMatchObject({ code: "ENGINE_CRASHED", message: expect.stringMatching(/memory is full/) });
      expect((await other.lost).message).toMatch(/memory is full/);
      await expect(ask(other)).rejects.toMatchObject({ code: "ENGINE_CRASHED" });
      await expect(host.load(product(), { backend: "webgpu" })).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
      expect(first(await ask(await host.load(product(), { backend: "wasm" })))).toBe(34);
    });
  });
});
