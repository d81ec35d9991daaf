import { nodeClock } from "../../../../edge/node-clock.ts";
import type { BatchingParameters } from "../../../../protocol/batching.ts";
import { digestOfHex } from "../../../../protocol/digest.ts";
import { AshoreError } from "../../../../protocol/errors.ts";
import type { Manifest, SignatureDef } from "../../../../protocol/manifest.ts";
import { modelName, version } from "../../../../protocol/names.ts";
import { elementCount, type NamedTensors, type Tensor } from "../../../../protocol/tensor.ts";
import { InferenceTime, Manager } from "../../../../runtime/activate/index.ts";
import type { Clock, WithSignal } from "../../../../runtime/ports.ts";
import { createBatching, createRestCore, predict, type BatchingMetrics, type PredictAnswer, type RestCore, type RestCoreOptions } from "../../../../runtime/predict/index.ts";
import { deferred, type Deferred } from "../../activate/deferred.ts";
import { fakeEngine, type FakeModel } from "../../activate/fake-engine.ts";

const info = (name: string, shape: number[] | null = null): SignatureDef["inputs"][string] => ({ name: `${name}:0`, dtype: "float32", shape });
const DEFS: Record<string, SignatureDef> = {
  serving_default: { methodName: "", inputs: { x: info("x") }, outputs: { y: info("y"), same: info("same") } },
  again: { methodName: "", inputs: { in: info("x") }, outputs: { same: info("same"), y: info("y") } },
  other: { methodName: "", inputs: { x: info("x") }, outputs: { y: info("y") } },
  two: { methodName: "", inputs: { a: info("x"), b: info("b") }, outputs: { y: info("y") } },
  total: { methodName: "", inputs: { x: info("x") }, outputs: { count: info("count") } },
  scalar: { methodName: "", inputs: { x: info("x"), n: info("n", []) }, outputs: { y: info("y") } },
};
const MANIFEST: Manifest = { schemaVersion: 1, model: modelName("m"), version: version(1), created: "2026-01-01T00:00:00Z", signatureDefs: DEFS, assets: [], selfTest: null, warmup: [], variants: [] };

/** What the engine was asked for. */
export interface Asked {
  readonly model: FakeModel;
  readonly feeds: NamedTensors;
  /** By rows, each its numbers. */
  readonly x: readonly (readonly number[])[];
}

export interface BenchOptions {
  /** Default: those of TensorFlow Serving; null for no batching. */
  readonly batching?: Partial<BatchingParameters> | null;
  readonly clock?: Clock;
  readonly rest?: Partial<RestCoreOptions>;
  readonly metrics?: BatchingMetrics;
  /** Before the engine answers: throws, or kills the model. */
  readonly before?: (asked: Asked) => void;
}

export interface Bench {
  readonly manager: Manager;
  readonly rest: RestCore;
  readonly asked: Asked[];
  readonly models: readonly FakeModel[];
  /** The engine answers no more until it is let. */
  hold(): void;
  /** Lets the engine answer what it was asked for, and everything after. */
  go(): void;
  /** Lets the engine answer the oldest of what it was asked for. */
  step(): void;
  /** Resolves when the engine was asked so often, all told. */
  untilAsked(times: number): Promise<void>;
  set(versions: readonly number[]): void;
  /** y of numbers: for each row, twice its sum plus the version that answers. */
  ask(x: readonly number[] | Tensor, options?: WithSignal & { signatureDef?: string; inputs?: NamedTensors }): Promise<PredictAnswer>;
}

export const vector = (...values: readonly number[]): Tensor => ({ dtype: "float32", shape: [values.length], data: Float32Array.from(values) });
export const yOf = ({ outputs }: PredictAnswer): number[] => [...((outputs["y"]?.data ?? []) as Float32Array)];

/**
 * A manager over an engine that computes row by row: `y` twice the sum of a row plus the version's number, `same` the input,
 * `count` the rows there were.
 */
export async function bench({ batching = {}, clock = nodeClock, rest, metrics, before }: BenchOptions = {}): Promise<Bench> {
  const asked: Asked[] = [];
  let isHeld = false;
  const gates: Deferred<void>[] = [];
  const waiters: { readonly times: number; readonly there: Deferred<void> }[] = [];
  const versions = new Map<FakeModel, number>();

  const compute = async (feeds: NamedTensors, fetches: readonly string[], model: FakeModel): Promise<NamedTensors> => {
    const x = feeds["x:0"];
    if (x === undefined) throw new AshoreError("INVALID_ARGUMENT", "There is no x.");
    const one: Asked = { model, feeds, x: rowsOf(x) };
    asked.push(one);
    for (const { times, there } of waiters) if (asked.length >= times) there.resolve();
    if (isHeld) {
      const gate = deferred();
      gates.push(gate);
      await gate.promise;
    }
    before?.(one);
    const n = versions.get(model) ?? 0;
    const y = one.x.map((row) => 2 * row.reduce((sum, value) => sum + value, 0) + n);
    const all: NamedTensors = { "y:0": vector(...y), "same:0": { ...x, data: x.data.slice() }, "count:0": { dtype: "float32", shape: [], data: Float32Array.of(one.x.length) } };
    return Object.fromEntries(Object.entries(all).filter(([name]) => fetches.includes(name)));
  };
  const engine = fakeEngine({ compute });
  const manager = new Manager({
    load: async (model, wanted, { signal }) => {
      const hosted = await engine.load({ graph: new Uint8Array(), index: new Uint8Array(), shards: [] }, { backend: "wasm", signal });
      const made = engine.models.at(-1);
      if (made !== undefined) versions.set(made, wanted.version);
      return { ...wanted, model, manifest: MANIFEST, backend: "wasm", hosted, time: new InferenceTime(nodeClock) };
    },
    clock: nodeClock,
    report: () => undefined,
    beforeLatest: async () => undefined,
    onFailed: () => undefined,
  });
  const set = (numbers: readonly number[]): void => {
    const aspired = numbers.map((n) => ({ version: version(n), digest: digestOfHex(n.toString(16).padStart(64, "0")) }));
    manager.setAspired(modelName("m"), { aspired, blocked: new Set(), labels: {}, latestFloor: 0 });
  };
  set([1]);
  manager.complete();
  await manager.settled();
  const together = batching === null ? undefined : createBatching(batching, metrics)(clock);
  return {
    manager,
    rest: createRestCore({ manager, clock, batching: together, ...rest }),
    asked,
    models: engine.models,
    set,
    hold: () => {
      isHeld = true;
    },
    go: () => {
      isHeld = false;
      for (const gate of gates.splice(0)) gate.resolve();
    },
    step: () => gates.shift()?.resolve(),
    untilAsked: async (times) => {
      if (asked.length >= times) return;
      const there = deferred();
      waiters.push({ times, there });
      await there.promise;
    },
    ask: (x, { signal, signatureDef, inputs } = {}) => {
      const tensor = "dtype" in x ? x : vector(...x);
      const given = inputs ?? (signatureDef === "again" ? { in: tensor } : { x: tensor });
      return predict(manager, { model: "m", signatureDef, inputs: given }, { signal, batching: together });
    },
  };
}

function rowsOf({ shape: [rows = 1, ...row], data }: Tensor): number[][] {
  const width = elementCount(row);
  return Array.from({ length: rows }, (_, at) => [...(data as Float32Array).subarray(at * width, (at + 1) * width)]);
}
