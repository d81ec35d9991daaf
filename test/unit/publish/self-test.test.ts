import { describe, expect, test } from "vitest";
import { AshoreError } from "../../../protocol/errors.ts";
import type { Backend, SignatureDef } from "../../../protocol/manifest.ts";
import type { NamedTensors, Tensor } from "../../../protocol/tensor.ts";
import type { EngineHost } from "../../../sync-server/ports.ts";
import { expectedOutput } from "../../../sync-server/publish/expected-output.ts";
import { guessShapes } from "../../../sync-server/publish/guess-shapes.ts";
import { makeSelfTest } from "../../../sync-server/publish/self-test.ts";

const floats = (...values: number[]): Tensor => ({ dtype: "float32", shape: [values.length], data: Float32Array.from(values) });
const ints = (...values: number[]): Tensor => ({ dtype: "int32", shape: [values.length], data: Int32Array.from(values) });

describe("what is expected of an output", () => {
  test("runs that agree give samples at even distances, first and last included, and a tolerance of their scale", () => {
    const values = Array.from({ length: 100 }, (_, i) => i / 10);
    const expected = expectedOutput([floats(...values), floats(...values.map((value) => value + 1e-4))]);
    expect(expected?.samples).toHaveLength(16);
    expect(expected?.samples.map(([index]) => index).filter((index) => index === 0 || index === 99)).toEqual([0, 99]);
    expect(expected).toMatchObject({ shape: [100], finite: true, rtol: 1e-3 });
    expect(expected?.atol).toBeCloseTo(9.9e-3, 6);
  });

  test.each([
    ["one element that differs between runs", [floats(1, 2, 3), floats(1, 2, 3.1)], { shape: [3], finite: true, samples: [] }],
    ["a number of results that differs between runs", [floats(1, 2, 3), floats(1, 2)], { shape: null, finite: true, samples: [] }],
    ["an infinity", [floats(1, Number.POSITIVE_INFINITY)], { shape: [2], finite: false, samples: [] }],
    ["whole numbers must be equal", [ints(1000, 2), ints(1001, 2)], { shape: [2], samples: [] }],
    ["and then are compared exactly", [ints(1000, 2), ints(1000, 2)], { samples: [[0, 1000], [1, 2]], atol: 0, rtol: 0 }],
    ["strings have no values to compare", [{ dtype: "string", shape: [1], data: [Uint8Array.of(65)] }], { shape: [1], finite: true, samples: [] }],
    ["all zeros leave room for rounding", [floats(0, 0)], { samples: [[0, 0], [1, 0]], atol: 1e-5 }],
    ["an empty output", [floats()], { shape: [0], finite: true, samples: [] }],
  ] satisfies [string, Tensor[], object][])("%s", (_, runs, expected) => {
    expect(expectedOutput(runs)).toMatchObject(expected);
  });
});

const input = (shape: number[] | null, dtype: SignatureDef["inputs"][string]["dtype"] = "float32"): SignatureDef => ({
  methodName: "tensorflow/serving/predict",
  inputs: { x: { name: "x:0", dtype, shape } },
  outputs: { y: { name: "y:0", dtype: "float32", shape: null } },
});

describe("guessing shapes", () => {
  test("a stated shape is the only guess; the batch is 1; what else is open is tried small, then larger", () => {
    expect(guessShapes(input([1, 2]))).toEqual([{ x: { shape: [1, 2] } }]);
    expect(guessShapes(input([-1, 2]))).toEqual([{ x: { shape: [1, 2] } }]);
    expect(guessShapes(input([-1, -1, 3])).map(({ x }) => x?.shape)).toEqual([[1, 1, 3], [1, 2, 3], [1, 64, 3], [1, 224, 3]]);
  });

  test("an unknown rank is tried as several", () => {
    expect(guessShapes(input(null)).map(({ x }) => x?.shape)).toContainEqual([1, 64, 64, 64]);
  });

  test("shapes that would fill the memory are not tried", () => {
    expect(guessShapes(input([-1, 100_000, -1])).every(({ x }) => (x?.shape ?? []).reduce((a, b) => a * b, 1) <= 1 << 24)).toBe(true);
  });
});

type Run = (backend: Backend, x: Tensor, count: number) => Tensor;
function engineOf(run: Run, backends: readonly Backend[] = ["wasm", "cpu"]): EngineHost & { readonly loaded: Backend[]; readonly open: () => number } {
  const loaded: Backend[] = [];
  let open = 0;
  return {
    backends,
    loaded,
    open: () => open,
    async load(_, { backend }) {
      loaded.push(backend);
      open++;
      let count = 0;
      return {
        backend,
        run: async (feeds): Promise<NamedTensors> => ({ "y:0": run(backend, feeds["x:0"] ?? floats(), count++) }),
        close: async () => void open--,
      };
    },
  };
}
const bytes = { graph: new Uint8Array(), index: new Uint8Array(), shards: [] };
const still = { now: () => 0, sleep: async () => {} };

describe("making a self-test", () => {
  test("near ties: an output that flips on a slight perturbation is not compared by value, although the backends agree", async () => {
    let border: number | undefined;
    const engine = engineOf((_, x) => {
      border ??= Number(x.data[0]);
      return floats(Number(x.data[0]) > border ? 1 : 0);
    });
    const { selfTest, notes } = await makeSelfTest(bytes, { serving_default: input([1]) }, engine, still);
    expect(selfTest?.outputs["y"]).toMatchObject({ shape: [1], finite: true, samples: [] });
    expect(notes).toEqual([expect.stringContaining("0 of 1 outputs")]);
  });

  test("without serving_default the first signature def that runs is the self-test's, and a backend that the model cannot run on is not tried", async () => {
    const engine = engineOf(() => floats(2));
    const odd = { ...input([1]), inputs: { x: { name: "x:0", dtype: "complex64" as const, shape: [1] } } };
    const { selfTest } = await makeSelfTest(bytes, { odd, second: input([1]), third: input([1]) }, engine, still, { backends: ["cpu"] });
    expect(selfTest).toMatchObject({ signatureDef: "second", outputs: { y: { samples: [[0, 2]] } } });
    expect(new Set(engine.loaded)).toEqual(new Set(["cpu"]));
  });

  test("integers that name one of few things are tried after colours", async () => {
    const engine = engineOf((_, x) => {
      if (x.data.some((id) => Number(id) >= 16)) throw new AshoreError("INVALID_ARGUMENT", "not in [0, 15]");
      return floats(3);
    });
    const tokens = { ...input([2]), inputs: { x: { name: "x:0", dtype: "int32" as const, shape: [8] } } };
    const { selfTest } = await makeSelfTest(bytes, { serving_default: tokens }, engine, still);
    expect(selfTest).toMatchObject({ inputs: { x: { shape: [8], below: 16 } }, outputs: { y: { samples: [[0, 3]] } } });
  });

  test("a backend that computes something else is noticed", async () => {
    const engine = engineOf((backend) => floats(backend === "cpu" ? 1 : 1.01));
    expect((await makeSelfTest(bytes, { serving_default: input([1]) }, engine, still)).selfTest?.outputs["y"]?.samples).toEqual([]);
  });

  test("the first guess that the model takes is written down", async () => {
    const engine = engineOf((_, x) => {
      if (x.shape[1] !== 64) throw new AshoreError("INVALID_ARGUMENT", "64 it must be");
      return floats(1);
    });
    const { selfTest } = await makeSelfTest(bytes, { serving_default: input([-1, -1]) }, engine, still);
    expect(selfTest).toMatchObject({ seed: 42, inputs: { x: { shape: [1, 64] } }, outputs: { y: { samples: [[0, 1]] } } });
  });

  test("a shape that gives NaN is passed over for one that does not", async () => {
    const engine = engineOf((_, x) => floats(x.shape[1] === 1 ? Number.NaN : 1));
    expect((await makeSelfTest(bytes, { serving_default: input([-1, -1]) }, engine, still)).selfTest?.inputs).toEqual({ x: { shape: [1, 2] } });
  });

  test("no guess fits: there is none, and the model's own words say why", async () => {
    const engine = engineOf(() => {
      throw new AshoreError("INVALID_ARGUMENT", "never");
    });
    const { selfTest, notes } = await makeSelfTest(bytes, { serving_default: input([-1, -1]) }, engine, still);
    expect(selfTest).toBeNull();
    expect(notes).toEqual([expect.stringContaining("never")]);
  });

  test("a slow model is not run on cpu too, and that is said", async () => {
    let now = 0;
    const engine = engineOf(() => {
      now += 2500;
      return floats(1);
    });
    const { notes } = await makeSelfTest(bytes, { serving_default: input([1]) }, engine, { ...still, now: () => now });
    expect(engine.loaded).toEqual(["wasm"]);
    expect(notes).toEqual([expect.stringContaining("2500 ms on wasm")]);
  });

  test("a model with an op that wasm lacks is tested on cpu", async () => {
    const engine = engineOf((backend) => {
      if (backend === "wasm") throw new AshoreError("MODEL_UNSUPPORTED_OP", "no kernel");
      return floats(1);
    });
    const { selfTest, notes } = await makeSelfTest(bytes, { serving_default: input([1]) }, engine, still);
    expect(selfTest?.outputs["y"]?.samples).toEqual([[0, 1]]);
    expect(notes).toEqual(["It does not run on wasm: no kernel"]);
  });

  test("a model that no backend runs is refused with the reason", async () => {
    const engine = engineOf(() => {
      throw new AshoreError("MODEL_UNSUPPORTED_OP", "no kernel");
    });
    await expect(makeSelfTest(bytes, { serving_default: input([1]) }, engine, still)).rejects.toMatchObject({ code: "MODEL_UNSUPPORTED_OP" });
  });

  test("whatever happens, every model that was loaded is closed", async () => {
    const good = engineOf(() => floats(1));
    await makeSelfTest(bytes, { serving_default: input([1]) }, good, still);
    const bad = engineOf(() => floats(Number.NaN));
    await expect(makeSelfTest(bytes, { serving_default: input([1]) }, bad, still)).rejects.toMatchObject({ code: "SELF_TEST_FAILED" });
    expect([good.open(), bad.open()]).toEqual([0, 0]);
  });
});
