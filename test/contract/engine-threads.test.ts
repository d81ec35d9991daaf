import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createThreadedEngineHost } from "../../edge/engine-host.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import type { ModelBytes } from "../../runtime/ports.ts";
import { packWeights } from "../support/pack-model.ts";
import { constant, graphOfNodes, linearModel, node, placeholder, weightless } from "../support/small-graphs.ts";

const MIB = 1024 * 1024;
const floats = (...values: number[]): Tensor => ({ dtype: "float32", shape: [values.length], data: Float32Array.from(values) });
const threads = (): number => readdirSync("/proc/self/task").length;
const residentMiB = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024;

/** A thread's script in a few words, for what no model does. */
const script = (body: string): URL =>
  new URL(`data:text/javascript,${encodeURIComponent(`import { parentPort } from "node:worker_threads"; parentPort.on("message", ({ type }) => { if (type === "load") parentPort.postMessage({ type: "loaded" }); else { ${body} } });`)}`);

describe("closing a model really frees", () => {
  test.skipIf(process.platform !== "linux")("its thread and its memory (read from /proc, so on Linux only)", async () => {
    const host = createThreadedEngineHost();
    const large = (): ModelBytes => {
      const graph = graphOfNodes([placeholder("x", "DT_FLOAT", [-1]), constant("w", "DT_FLOAT"), node("y", "AddV2", ["x", "w"], { T: { type: "DT_FLOAT" } })]);
      return packWeights(graph, [{ name: "w", shape: [8 * MIB], dtype: "float32" }], new Uint8Array(32 * MIB).fill(1));
    };
    const cycle = async (): Promise<void> => {
      const model = await host.load(large(), { backend: "wasm" });
      await model.run({ "x:0": floats(1) }, ["y:0"]);
      await model.close();
    };
    await cycle();
    const before = { threads: threads(), resident: residentMiB() };
    for (let i = 0; i < 10; i++) await cycle();
    expect(threads()).toBe(before.threads);
    // Ten heaps of 36 MiB, and ten copies of the shards, are not there any more.
    expect(residentMiB() - before.resident).toBeLessThan(150);
    await host.close();
  });

  test("aborted loads and closed hosts leave no thread either", async () => {
    const host = createThreadedEngineHost();
    const abort = new AbortController();
    const loads = [host.load(linearModel(1, 1), { backend: "wasm", signal: abort.signal }), host.load(linearModel(1, 1), { backend: "wasm" })];
    const settled = Promise.allSettled(loads);
    abort.abort();
    await host.close();
    expect(await settled).toMatchObject([{ status: "rejected", reason: { code: "CANCELLED" } }, { status: "rejected", reason: { code: "CANCELLED" } }]);
    await expect(host.load(linearModel(1, 1), { backend: "wasm" })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("a crash takes one model only", () => {
  test("a trap in the WebAssembly module: the requests under way are rejected, other models answer on", async () => {
    const host = createThreadedEngineHost();
    const gather = node("y", "GatherNd", ["x", "indices"], { Tparams: { type: "DT_FLOAT" }, Tindices: { type: "DT_INT32" } });
    const doomed = await host.load(weightless(placeholder("x", "DT_FLOAT", [-1]), placeholder("indices", "DT_INT32", [-1, 1]), gather), { backend: "wasm" });
    const healthy = await host.load(linearModel(1, 1), { backend: "wasm" });
    const at = (index: number) => doomed.run({ "x:0": floats(1, 2), "indices:0": { dtype: "int32", shape: [1, 1], data: Int32Array.of(index) } }, ["y:0"]);
    const results = await Promise.allSettled([at(0), at(2 ** 29), at(1), ...[1, 2, 3].map((value) => healthy.run({ "x:0": floats(value) }, ["y:0"]))]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled", "fulfilled", "fulfilled"]);
    expect(results.slice(1, 3)).toMatchObject([{ reason: { code: "ENGINE_CRASHED" } }, { reason: { code: "ENGINE_CRASHED" } }]);
    expect((await doomed.lost).message).toMatch(/memory access out of bounds/);
    expect((await healthy.run({ "x:0": floats(4) }, ["y:0"]))["y:0"]?.data).toEqual(Float32Array.of(5));
    await host.close();
  });

  test.each([
    ["ends", "process.exit(3)", /status 3/],
    ["throws", "throw new Error('thread fault')", /thread fault/],
    ["rejects", "Promise.reject(new Error('stray'))", /stray/],
  ])("a thread that %s", async (_, body, message) => {
    const host = createThreadedEngineHost({ threadScript: script(body) });
    const model = await host.load(linearModel(1, 1), { backend: "wasm" });
    await expect(model.run({ "x:0": floats(1) }, ["y:0"])).rejects.toMatchObject({ code: "ENGINE_CRASHED", message: expect.stringMatching(message) });
    expect((await model.lost).code).toBe("ENGINE_CRASHED");
    await host.close();
  });

  test("a thread that never answers is ended by closing, and its requests with it", async () => {
    const host = createThreadedEngineHost({ threadScript: script("for (;;);") });
    const model = await host.load(linearModel(1, 1), { backend: "wasm" });
    const running = model.run({ "x:0": floats(1) }, ["y:0"]);
    const settled = expect(running).rejects.toMatchObject({ code: "CANCELLED" });
    await model.close();
    await settled;
  });

  test("a script that is not there", async () => {
    const host = createThreadedEngineHost({ threadScript: new URL("file:///nowhere/engine-thread.js") });
    await expect(host.load(linearModel(1, 1), { backend: "wasm" })).rejects.toMatchObject({ code: "ENGINE_CRASHED", message: expect.stringMatching(/nowhere/) });
  });
});

test("what a thread writes is logged line by line", async () => {
  const { promise, log } = firstLine();
  const host = createThreadedEngineHost({ threadScript: script("console.log('one line')"), log });
  const model = await host.load(linearModel(1, 1), { backend: "wasm" });
  const running = model.run({ "x:0": floats(1) }, ["y:0"]).catch(() => {});
  expect(await promise).toBe("one line");
  await host.close();
  await running;
});

function firstLine(): { readonly promise: Promise<string>; readonly log: (line: string) => void } {
  let log: (line: string) => void = () => {};
  const promise = new Promise<string>((resolve) => {
    log = resolve;
  });
  return { promise, log };
}
