import { describe, expect, test } from "vitest";
import { digestOfHex } from "../../../protocol/digest.ts";
import { AshoreError, type ErrorCode } from "../../../protocol/errors.ts";
import type { Backend, Manifest, Variant } from "../../../protocol/manifest.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { NamedTensors } from "../../../protocol/tensor.ts";
import { nodeClock } from "../../../edge/node-clock.ts";
import { isVerdict } from "../../../runtime/activate/verdict.ts";
import { chooseVariant, createLoader } from "../../../runtime/activate/index.ts";
import type { InferenceTimes, LoadOptions, RuntimeEvent } from "../../../runtime/ports.ts";
import { fakeEngine, type FakeModel } from "./fake-engine.ts";

const DIGEST = digestOfHex("a".repeat(64));
const blob = { mediaType: "application/octet-stream", digest: DIGEST, size: 0, encodings: [{ codec: "identity", digest: DIGEST, size: 0 }] };
const variant = (name: string, backends?: Backend[]): Variant => ({ name, format: "tfjs-graph-model", graph: blob, index: blob, shards: [], ...(backends === undefined ? {} : { backends }) });
const MANIFEST: Manifest = {
  schemaVersion: 1,
  model: modelName("m"),
  version: version(1),
  created: "2026-01-01T00:00:00Z",
  signatureDefs: { serving_default: { methodName: "", inputs: { x: { name: "x:0", dtype: "float32", shape: [-1] } }, outputs: { y: { name: "y:0", dtype: "float32", shape: [-1] } } } },
  assets: [],
  selfTest: { signatureDef: "serving_default", seed: 1, inputs: { x: { shape: [1] } }, outputs: { y: { shape: [1], finite: true, samples: [[0, 7]], atol: 0, rtol: 0 } } },
  warmup: [],
  variants: [variant("float32")],
};

type Answer = number | ErrorCode;

interface LoadTestOptions {
  readonly manifest?: Manifest;
  readonly proved?: Backend;
  readonly inferenceMs?: InferenceTimes;
  readonly warmUp?: "always" | "unproved" | "never";
  readonly iterations?: number;
  /** The asset that the manifest names for its warm-up records. */
  readonly asset?: string;
  readonly avoid?: Backend;
  readonly isLoadedStill?: (options: LoadOptions) => boolean;
}

/** Loads on an engine whose backends answer so; says on what, and what was run. */
async function load(answers: Partial<Record<Backend, Answer>>, { manifest = MANIFEST, proved, inferenceMs, warmUp = "always", iterations = 1, asset, avoid, isLoadedStill }: LoadTestOptions = {}) {
  let reads = 0;
  const replays: string[] = [];
  const reports: string[] = [];
  const runs: string[] = [];
  const loads: LoadOptions[] = [];
  const events: RuntimeEvent[] = [];
  const engine = fakeEngine({
    backends: Object.keys(answers) as Backend[],
    ...(isLoadedStill === undefined ? {} : { isLoadedStill }),
    onLoad: async (_, options) => void loads.push(options),
    compute: async (_, __, model: FakeModel): Promise<NamedTensors> => {
      runs.push(model.backend);
      const answer = answers[model.backend] ?? 0;
      if (typeof answer === "string") throw new AshoreError(answer, `made to fail on ${model.backend}`);
      return { "y:0": { dtype: "float32", shape: [1], data: Float32Array.of(answer) } };
    },
  });
  const loader = createLoader({
    engine,
    readManifest: async () => manifest,
    readVariant: async () => {
      reads++;
      return { graph: new Uint8Array(), index: new Uint8Array(), shards: [] };
    },
    known: () => ({ version: MANIFEST.version, manifest: { sha256: "a".repeat(64), length: 0 }, proved, inferenceMs }),
    clock: nodeClock,
    timed: () => undefined,
    warmUp,
    readAsset: async () => new TextEncoder().encode(asset),
    replay: {
      iterations,
      infer: async ({ hosted }, signatureDef, inputs, options) => {
        replays.push(`${signatureDef} ${Object.entries(inputs).map(([key, { dtype, shape, data }]) => `${key} ${dtype} [${shape.join()}] ${[...data].join()}`).join("; ")}`);
        await hosted.run({}, [], options);
      },
      onWarmedUp: ({ version: number, status, records }) => void reports.push(`${number} ${status} ${records}`),
    },
    report: (event) => void events.push(event),
  });
  const result = await loader(MANIFEST.model, { version: MANIFEST.version, digest: DIGEST }, { signal: new AbortController().signal, avoid }).then(
    ({ backend }) => backend,
    (thrown: unknown) => thrown,
  );
  const phases = events.flatMap((event) => (event.type === "progress" ? [event.phase] : []));
  return { result, runs, replays, reports, phases, loads, reads, open: engine.models.filter(({ closed }) => !closed).length };
}

describe("loading a version", () => {
  test("the first backend that computes what was published serves", async () => {
    expect(await load({ wasm: 7, cpu: 7 })).toMatchObject({ result: "wasm", runs: ["wasm"], phases: ["load", "self-test"], open: 1 });
  });

  test("wrong numbers on one backend: the next, and the first is closed", async () => {
    expect(await load({ wasm: 8, cpu: 7 })).toMatchObject({ result: "cpu", runs: ["wasm", "cpu"], open: 1 });
  });

  test("a backend on which the engine dies: the next", async () => {
    expect(await load({ wasm: "ENGINE_CRASHED", cpu: 7 })).toMatchObject({ result: "cpu", open: 1 });
  });

  test.each<[string, Partial<Record<Backend, Answer>>, ErrorCode]>([
    ["wrong everywhere", { wasm: 8, cpu: 9 }, "SELF_TEST_FAILED"],
    ["not a number", { cpu: NaN }, "SELF_TEST_FAILED"],
    ["dead everywhere", { wasm: "ENGINE_CRASHED", cpu: "ENGINE_CRASHED" }, "ENGINE_CRASHED"],
    ["wrong here, missing there", { wasm: "BACKEND_UNAVAILABLE", cpu: 8 }, "SELF_TEST_FAILED"],
    ["its own input refused", { cpu: "INVALID_ARGUMENT" }, "SELF_TEST_FAILED"],
    ["no backend to be had", { wasm: "BACKEND_UNAVAILABLE" }, "BACKEND_UNAVAILABLE"],
  ])("%s: %o is %s, and nothing is left open", async (_, answers, code) => {
    const { result, open } = await load(answers);
    expect(result).toMatchObject({ code });
    expect(open).toBe(0);
  });

  test("a backend without room for it: the next, and no judgement of the version where none has room", async () => {
    expect(await load({ wasm: "RESOURCE_EXHAUSTED", cpu: 7 })).toMatchObject({ result: "cpu", open: 1 });
    const { result } = await load({ wasm: "RESOURCE_EXHAUSTED", cpu: 8 });
    expect(result).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    expect(isVerdict(result as AshoreError)).toBe(false);
  });

  test("a backend that is gone since it served here: another at once, and that one is tested", async () => {
    expect(await load({ webgpu: "BACKEND_UNAVAILABLE", wasm: 7 }, { proved: "webgpu" })).toMatchObject({ result: "wasm", runs: ["webgpu", "wasm"], phases: ["load", "warm-up", "load", "self-test"], open: 1 });
  });

  test("a backend on which the engine kept dying comes after all others, proved or not", async () => {
    expect(await load({ webgpu: 7, wasm: 7 }, { proved: "webgpu", avoid: "webgpu" })).toMatchObject({ result: "wasm", runs: ["wasm"] });
    expect(await load({ webgpu: 7, wasm: 8 }, { proved: "webgpu", avoid: "webgpu" })).toMatchObject({ result: "webgpu", runs: ["wasm", "webgpu"] });
  });

  test("a backend that failed the version before is tried last", async () => {
    expect(await load({ wasm: 7, webgpu: 7, cpu: 7 }, { inferenceMs: { wasm: null, webgpu: 3 } })).toMatchObject({ result: "webgpu", runs: ["webgpu"] });
  });

  test("the engine is told whose graph it is, and what an inference takes on that backend", async () => {
    const { loads } = await load({ wasm: 8, cpu: 7 }, { inferenceMs: { cpu: 120 } });
    expect(loads.map(({ backend, servable }) => [backend, servable])).toEqual([
      ["wasm", { model: "m", version: 1, digest: DIGEST, variant: 0, inferenceMs: undefined }],
      ["cpu", { model: "m", version: 1, digest: DIGEST, variant: 0, inferenceMs: 120 }],
    ]);
  });

  test("what is loaded still is not read again; what it has to prove, it proves as ever", async () => {
    const isLoadedStill = ({ backend, servable }: LoadOptions): boolean => backend === "cpu" && servable?.variant === 1;
    const manifest = { ...MANIFEST, variants: [variant("gpu", ["webgpu"]), variant("float32")] };
    expect(await load({ cpu: 7 }, { manifest, proved: "cpu", warmUp: "unproved", isLoadedStill })).toMatchObject({ result: "cpu", reads: 0, runs: [], phases: ["load"] });
    expect(await load({ cpu: 7 }, { manifest, isLoadedStill })).toMatchObject({ result: "cpu", reads: 0, runs: ["cpu"], phases: ["load", "self-test"] });
    expect(await load({ wasm: 7 }, { manifest, isLoadedStill })).toMatchObject({ result: "wasm", reads: 1 });
    expect((await load({ cpu: 8 }, { manifest, isLoadedStill })).result).toMatchObject({ code: "SELF_TEST_FAILED" });
  });

  test("a fault that no other backend would mend ends the load at once", async () => {
    const { result, runs } = await load({ wasm: "STORE_FAILED", cpu: 7 });
    expect(result).toMatchObject({ code: "STORE_FAILED" });
    expect(runs).toEqual(["wasm"]);
  });

  test("a version that was proved here before is not tested again, but warmed up, on the backend that it was proved on", async () => {
    expect(await load({ wasm: 8, cpu: 8 }, { proved: "cpu" })).toMatchObject({ result: "cpu", runs: ["cpu"], phases: ["load", "warm-up"], open: 1 });
  });

  test("where the first request is to be the warm-up, a proved version runs nothing, and any other is tested as ever", async () => {
    expect(await load({ wasm: 8, cpu: 8 }, { proved: "cpu", warmUp: "unproved" })).toMatchObject({ result: "cpu", runs: [], phases: ["load"], open: 1 });
    expect(await load({ wasm: 7 }, { warmUp: "unproved" })).toMatchObject({ result: "wasm", phases: ["load", "self-test"] });
  });

  test("without a self-test one made-up inference warms up, and a refused one is nobody's fault", async () => {
    const manifest = { ...MANIFEST, selfTest: null };
    expect(await load({ cpu: 1 }, { manifest })).toMatchObject({ result: "cpu", runs: ["cpu"], phases: ["load", "warm-up"] });
    expect(await load({ cpu: "INVALID_ARGUMENT" }, { manifest })).toMatchObject({ result: "cpu" });
    expect((await load({ cpu: "ENGINE_CRASHED" }, { manifest })).result).toMatchObject({ code: "ENGINE_CRASHED" });
  });
});

describe("warm-up records", () => {
  const record = (...values: unknown[]) => ({ signatureDef: "serving_default", inputs: { x: { shape: [values.length], values } } });
  const manifest: Manifest = { ...MANIFEST, warmup: [record(1), record(2, "NaN")] };

  test("are replayed in order after the self-test, each as often as was asked for", async () => {
    expect(await load({ cpu: 7 }, { manifest })).toMatchObject({
      result: "cpu",
      runs: ["cpu", "cpu", "cpu"],
      replays: ["serving_default x float32 [1] 1", "serving_default x float32 [2] 2,NaN"],
      phases: ["load", "self-test", "warm-up"],
      reports: ["1 OK 2"],
    });
    expect((await load({ cpu: 7 }, { manifest, iterations: 3 })).replays.map((replay) => replay.at(-1))).toEqual(["1", "1", "1", "N", "N", "N"]);
  });

  test("come out of an asset where the manifest names one", async () => {
    const inAsset = { ...MANIFEST, warmup: [record(1), { asset: "warmup.json" }], assets: [{ path: "warmup.json", blob }] };
    expect((await load({ cpu: 7 }, { manifest: inAsset, asset: JSON.stringify([record(5), record(6)]) })).replays.map((replay) => replay.at(-1))).toEqual(["1", "5", "6"]);
    expect(await load({ cpu: 7 }, { manifest: inAsset, asset: '[{"inputs":{}}]' })).toMatchObject({ result: { code: "SCHEMA_INVALID" }, open: 0 });
    expect((await load({ cpu: 7 }, { manifest: { ...inAsset, assets: [] }, asset: "[]" })).result).toMatchObject({ code: "SCHEMA_INVALID" });
  });

  test.each<["always" | "unproved" | "never", Backend | undefined, number, string[]]>([
    ["always", "cpu", 2, ["load", "warm-up"]],
    ["unproved", "cpu", 0, ["load"]],
    ["unproved", undefined, 2, ["load", "self-test", "warm-up"]],
    ["never", undefined, 0, ["load", "self-test"]],
    ["never", "cpu", 0, ["load"]],
  ])("with warmUp %s, proved on %s: %d replays", async (warmUp, proved, count, phases) => {
    const loaded = await load({ cpu: 7 }, { manifest, warmUp, ...(proved === undefined ? {} : { proved }) });
    expect(loaded).toMatchObject({ result: "cpu", phases, open: 1 });
    expect(loaded.replays).toHaveLength(count);
  });

  test("one that fails fails the load, and says which; another backend may do better", async () => {
    const failing: Manifest = { ...manifest, selfTest: null, warmup: [record(1), record(2)] };
    const { result, open, reports } = await load({ cpu: "INVALID_ARGUMENT" }, { manifest: failing });
    expect(result).toMatchObject({ code: "SELF_TEST_FAILED", message: "Warm-up of m version 1 failed on cpu at record 1: made to fail on cpu" });
    expect([open, reports]).toEqual([0, ["1 INVALID_ARGUMENT 1"]]);
    expect(await load({ wasm: "INVALID_ARGUMENT", cpu: 7 }, { manifest: failing })).toMatchObject({ result: "cpu", open: 1, reports: ["1 INVALID_ARGUMENT 1", "1 OK 2"] });
    expect((await load({ cpu: "RESOURCE_EXHAUSTED" }, { manifest: failing })).result).toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  });

  test("one that does not fit the signature def fails the load", async () => {
    for (const bad of [{ signatureDef: "other", inputs: {} }, { signatureDef: "serving_default", inputs: { z: { shape: [], values: [1] } } }, { signatureDef: "serving_default", inputs: { x: { shape: [2], values: [1] } } }]) {
      expect(await load({ cpu: 7 }, { manifest: { ...MANIFEST, warmup: [bad] } })).toMatchObject({ result: { code: "SCHEMA_INVALID" }, open: 0 });
    }
  });
});

describe("the variant", () => {
  test("is the first that a backend of the host may run", () => {
    const manifest = { ...MANIFEST, variants: [variant("a", ["webgpu"]), variant("b", ["cpu", "wasm"]), variant("c")] };
    expect(chooseVariant(manifest, ["wasm", "cpu"])).toMatchObject({ variant: { name: "b" }, backends: ["wasm", "cpu"] });
    expect(chooseVariant(manifest, ["webgpu", "wasm"])).toMatchObject({ variant: { name: "a" }, backends: ["webgpu"] });
    expect(chooseVariant({ ...manifest, variants: [variant("a", ["webgpu"])] }, ["wasm"])).toBeUndefined();
  });
});
