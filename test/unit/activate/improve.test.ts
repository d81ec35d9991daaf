import { describe, expect, test } from "vitest";
import { digestOfHex } from "../../../protocol/digest.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import type { Backend, Manifest } from "../../../protocol/manifest.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { NamedTensors } from "../../../protocol/tensor.ts";
import { createImprover, createLoader, Manager, type Improver, type LoaderPorts } from "../../../runtime/activate/index.ts";
import type { HeldVersion, InferenceTimes, LoadOptions, RuntimeEvent } from "../../../runtime/ports.ts";
import { deferred } from "./deferred.ts";
import { fakeEngine, type FakeEngine, type FakeEngineOptions, type FakeModel } from "./fake-engine.ts";

const MODEL = modelName("m");
const HEX = "a".repeat(64);
const DIGEST = digestOfHex(HEX);
const blob = { mediaType: "application/octet-stream", digest: DIGEST, size: 0, encodings: [{ codec: "identity", digest: DIGEST, size: 0 }] };
const MANIFEST: Manifest = {
  schemaVersion: 1,
  model: MODEL,
  version: version(1),
  created: "2026-01-01T00:00:00Z",
  signatureDefs: { serving_default: { methodName: "", inputs: { x: { name: "x:0", dtype: "float32", shape: [-1] } }, outputs: { y: { name: "y:0", dtype: "float32", shape: [-1] } } } },
  assets: [],
  selfTest: { signatureDef: "serving_default", seed: 1, inputs: { x: { shape: [1] } }, outputs: { y: { shape: [1], finite: true, samples: [[0, 7]], atol: 0, rtol: 0 } } },
  warmup: [],
  variants: [{ name: "float32", format: "tfjs-graph-model", graph: blob, index: blob, shards: [] }],
};
const wanted = { version: version(1), digest: DIGEST };

interface BenchOptions extends FakeEngineOptions {
  /** Milliseconds that an inference takes; the first on each engine takes ten times that. */
  readonly ms: Readonly<Partial<Record<Backend, number>>>;
  readonly answer?: (model: FakeModel) => number;
  readonly known?: InferenceTimes;
  readonly manifest?: Manifest;
}

interface Bench {
  readonly engine: FakeEngine;
  readonly manager: Manager;
  readonly improver: Improver;
  readonly closing: AbortController;
  readonly loads: LoadOptions[];
  readonly runs: Backend[];
  readonly problems: string[];
  /** As the journal would have it. */
  readonly times: () => InferenceTimes | undefined;
  /** Told with AVAILABLE. */
  readonly backends: (Backend | undefined)[];
  /** One request; the backend that answered. */
  ask(): Promise<Backend>;
  set(blocked?: boolean): void;
}

/** A version that answers on the first of the backends, on a clock that only inferences move. */
async function serving({ ms, answer = () => 7, known, manifest = MANIFEST, onLoad, ...options }: BenchOptions): Promise<Bench> {
  let now = 0;
  const clock = { now: () => now, sleep: async () => undefined };
  const hot = new Set<FakeModel>();
  const runs: Backend[] = [];
  const loads: LoadOptions[] = [];
  const problems: string[] = [];
  const backends: Bench["backends"] = [];
  let held: HeldVersion = { version: version(1), manifest: { sha256: HEX, length: 0 }, inferenceMs: known };
  const engine = fakeEngine({
    backends: Object.keys(ms) as Backend[],
    onLoad: async (bytes, load) => {
      loads.push(load);
      await onLoad?.(bytes, load);
    },
    compute: async (_, __, model): Promise<NamedTensors> => {
      runs.push(model.backend);
      if (model.closed) throw new AshoreError("CANCELLED", "The model was closed.");
      now += (ms[model.backend] ?? 0) * (hot.has(model) ? 1 : 10);
      hot.add(model);
      return { "y:0": { dtype: "float32", shape: [1], data: Float32Array.of(answer(model)) } };
    },
    ...options,
  });
  const report = (event: RuntimeEvent): void => {
    if (event.type === "problem") problems.push(event.error.code);
    if (event.type === "state" && event.status.state === "AVAILABLE") backends.push(event.backend);
  };
  const loader: LoaderPorts = {
    engine,
    clock,
    report,
    warmUp: "always",
    readAsset: async () => new Uint8Array(),
    replay: { iterations: 1, infer: async () => undefined },
    readManifest: async () => manifest,
    readVariant: async () => ({ graph: new Uint8Array(), index: new Uint8Array(), shards: [] }),
    known: () => held,
    timed: () => undefined,
  };
  const manager = new Manager({ load: createLoader(loader), clock, report, beforeLatest: async () => undefined, onFailed: () => undefined });
  const set = (isBlocked = false): void => manager.setAspired(MODEL, { aspired: isBlocked ? [] : [wanted], blocked: new Set(isBlocked ? [DIGEST] : []), labels: {}, latestFloor: 0 });
  set();
  await manager.settled();
  loads.length = 0;
  runs.length = 0;
  const closing = new AbortController();
  const improver = createImprover({ manager, loader, closing: closing.signal, remember: async (_, times) => void (held = { ...held, inferenceMs: { ...held.inferenceMs, ...times } }) });
  return {
    engine,
    manager,
    improver,
    closing,
    loads,
    runs,
    problems,
    backends,
    times: () => held.inferenceMs,
    set,
    ask: async () => {
      const handle = manager.acquire("m", {});
      try {
        await handle.servable.hosted.run({}, []);
        return handle.servable.backend;
      } finally {
        handle.release();
      }
    },
  };
}

const open = ({ engine }: Bench): Backend[] => engine.models.filter(({ closed }) => !closed).map(({ backend }) => backend);

describe("a faster backend", () => {
  test("takes over, is told, and what was measured is remembered", async () => {
    const b = await serving({ ms: { wasm: 100, webgpu: 20 } });
    await b.improver.improve();
    expect(await b.ask()).toBe("webgpu");
    expect(b.backends).toEqual(["wasm", "webgpu"]);
    expect(b.times()).toEqual({ wasm: 100, webgpu: 20 });
    expect(open(b)).toEqual(["webgpu"]);
  });

  test("is not tried a second time, be it slower, or not faster by a tenth", async () => {
    for (const webgpu of [100, 91]) {
      const b = await serving({ ms: { wasm: 100, webgpu } });
      await b.improver.improve();
      expect(await b.ask()).toBe("wasm");
      expect(b.times()).toEqual({ wasm: 100, webgpu });
      expect(open(b)).toEqual(["wasm"]);
      const { length } = b.loads;
      await b.improver.improve();
      expect(b.loads).toHaveLength(length);
    }
  });

  test("is never cpu, and none where nothing could prove that it computes the same", async () => {
    const cpu = await serving({ ms: { wasm: 100, cpu: 1 } });
    await cpu.improver.improve();
    const untested = await serving({ ms: { wasm: 100, webgpu: 1 }, manifest: { ...MANIFEST, selfTest: null } });
    await untested.improver.improve();
    expect([...cpu.loads, ...untested.loads]).toEqual([]);
  });

  test("both sides are run in turns, hot, and no more often than it takes to tell them apart", async () => {
    const close = await serving({ ms: { wasm: 100, webgpu: 80 } });
    await close.improver.improve();
    // The self-test, one on the other side in case it has been idle, then turns.
    expect(close.runs).toEqual(["webgpu", "wasm", "wasm", "webgpu", "wasm", "webgpu", "wasm", "webgpu"]);
    const clear = await serving({ ms: { wasm: 100, webgpu: 20 } });
    await clear.improver.improve();
    expect(clear.runs).toEqual(["webgpu", "wasm", "wasm", "webgpu"]);
  });

  test("requests that come meanwhile are answered, and each ends on the engine where it began", async () => {
    const b = await serving({ ms: { wasm: 100, webgpu: 20 } });
    const early = b.manager.acquire("m", {});
    let isOver = false;
    const improving = b.improver.improve().finally(() => (isOver = true));
    const answered: Backend[] = [];
    while (!isOver) {
      answered.push(await b.ask());
      await Promise.resolve();
    }
    await improving;
    answered.push(await b.ask());
    expect(answered[0]).toBe("wasm");
    expect(answered.at(-1)).toBe("webgpu");
    expect([...answered].sort()).toEqual(answered);
    expect(early.servable.backend).toBe("wasm");
    await early.servable.hosted.run({}, []);
    expect(open(b)).toEqual(["wasm", "webgpu"]);
    early.release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(open(b)).toEqual(["webgpu"]);
  });

  test.each<[string, Partial<BenchOptions>, string | undefined, InferenceTimes | undefined]>([
    ["computes something else", { answer: ({ backend }) => (backend === "webgpu" ? 8 : 7) }, "SELF_TEST_FAILED", { webgpu: null }],
    ["dies", { onLoad: async (_, { backend }) => (backend === "webgpu" ? Promise.reject(new AshoreError("ENGINE_CRASHED", "dead")) : undefined) }, "ENGINE_CRASHED", { webgpu: null }],
    ["is missing", { onLoad: async (_, { backend }) => (backend === "webgpu" ? Promise.reject(new AshoreError("BACKEND_UNAVAILABLE", "no adapter")) : undefined) }, undefined, undefined],
  ])("one that %s is not tried again, is told as a problem where it is one, and the version goes on", async (_, options, code, times) => {
    const b = await serving({ ms: { wasm: 100, webgpu: 20 }, ...options });
    await b.improver.improve();
    await b.improver.improve();
    expect(b.problems).toEqual(code === undefined ? [] : [code]);
    expect(b.loads.map(({ backend }) => backend)).toEqual(["webgpu"]);
    expect(b.times()).toEqual(times);
    expect(await b.ask()).toBe("wasm");
    expect(open(b)).toEqual(["wasm"]);
  });

  test("a version that is blocked meanwhile ends it without a word, and nothing is left open", async () => {
    const loading = deferred();
    const go = deferred();
    const b = await serving({
      ms: { wasm: 100, webgpu: 20 },
      onLoad: async (_, { backend, signal }) => {
        if (backend !== "webgpu") return;
        loading.resolve();
        signal?.addEventListener("abort", () => go.reject(new AshoreError("CANCELLED", "aborted")));
        await go.promise;
      },
    });
    const improving = b.improver.improve();
    await loading.promise;
    b.set(true);
    await improving;
    await b.manager.settled();
    expect(b.problems).toEqual([]);
    expect(b.times()).toBeUndefined();
    expect(open(b)).toEqual([]);
  });

  test("a version that is blocked while it is measured is closed after the inference", async () => {
    const measuring = deferred();
    let isImproving = false;
    const b = await serving({
      ms: { wasm: 100, webgpu: 20 },
      compute: async (_, __, { backend }) => {
        if (backend === "wasm" && isImproving) {
          measuring.resolve();
          return await new Promise(() => undefined);
        }
        return { "y:0": { dtype: "float32", shape: [1], data: Float32Array.of(7) } };
      },
    });
    isImproving = true;
    const improving = b.improver.improve();
    await measuring.promise;
    b.set(true);
    await improving;
    await b.manager.settled();
    await new Promise((resolve) => setImmediate(resolve));
    expect(b.problems).toEqual([]);
    expect(open(b)).toEqual([]);
  });

  test("an abort ends it, and the one of all who asked does not end the others'", async () => {
    const loading = deferred();
    const go = deferred();
    const b = await serving({
      ms: { wasm: 100, webgpu: 20 },
      onLoad: async (_, { backend }) => {
        if (backend !== "webgpu") return;
        loading.resolve();
        await go.promise;
      },
    });
    const leaving = new AbortController();
    const left = b.improver.improve({ signal: leaving.signal });
    const stayed = b.improver.improve();
    await loading.promise;
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: "CANCELLED" });
    go.resolve();
    await stayed;
    expect(await b.ask()).toBe("webgpu");
    expect(b.loads).toHaveLength(1);
  });

  test("closing the runtime ends it, and closes what it had loaded", async () => {
    const loading = deferred();
    const b = await serving({
      ms: { wasm: 100, webgpu: 20 },
      compute: async (_, __, { backend }) => {
        if (backend === "webgpu") loading.resolve();
        return backend === "webgpu" ? new Promise(() => undefined) : { "y:0": { dtype: "float32", shape: [1], data: Float32Array.of(7) } };
      },
    });
    const improving = b.improver.improve();
    await loading.promise;
    b.closing.abort();
    await expect(improving).rejects.toMatchObject({ code: "CANCELLED" });
    await b.improver.ended();
    expect(open(b)).toEqual(["wasm"]);
  });
});

describe("a better place", () => {
  test("is taken with the same backend and without another self-test, on the time that requests took", async () => {
    const asked: number[] = [];
    const b = await serving({
      ms: { wasm: 400 },
      known: { wasm: 300 },
      answer: () => 8,
      wouldMove: (model, inferenceMs) => {
        asked.push(inferenceMs);
        return model === b.engine.models[0];
      },
      manifest: { ...MANIFEST, selfTest: null },
    });
    await b.improver.improve();
    expect(asked).toEqual([300]);
    expect(b.loads).toMatchObject([{ backend: "wasm", servable: { model: "m", inferenceMs: 300 } }]);
    expect(b.engine.models.map(({ closed }) => closed)).toEqual([true, false]);
    await b.improver.improve();
    expect(b.loads).toHaveLength(1);
  });

  test("is judged by a measurement where no request has shown the time, and that is remembered", async () => {
    const asked: number[] = [];
    const b = await serving({ ms: { wasm: 400 }, wouldMove: (_, inferenceMs) => asked.push(inferenceMs) < 0 });
    await b.improver.improve();
    await b.improver.improve();
    expect(asked).toEqual([400, 400]);
    expect(b.times()).toEqual({ wasm: 400 });
    expect(b.runs).toHaveLength(2);
  });

  test("a place that fails leaves the version where it is", async () => {
    let isFull = false;
    const b = await serving({ ms: { wasm: 400 }, wouldMove: () => true, onLoad: async () => (isFull ? Promise.reject(new AshoreError("RESOURCE_EXHAUSTED", "no memory")) : undefined) });
    isFull = true;
    await b.improver.improve();
    expect(b.problems).toEqual(["RESOURCE_EXHAUSTED"]);
    expect(await b.ask()).toBe("wasm");
  });
});
