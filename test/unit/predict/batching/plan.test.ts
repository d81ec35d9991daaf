import { describe, expect, test } from "vitest";
import { checkBatchingParameters, DEFAULT_BATCHING, type BatchingParameters } from "../../../../protocol/batching.ts";
import { LIMITS } from "../../../../protocol/limits.ts";
import type { Manifest } from "../../../../protocol/manifest.ts";
import { modelName, version } from "../../../../protocol/names.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";
import { paddedRows, planTask, type Share } from "../../../../runtime/predict/batching/plan.ts";
import { queueOf, rowsOf } from "../../../../runtime/predict/batching/queue-of.ts";
import { signatureOf } from "../../../../runtime/predict/signature.ts";

const MANIFEST: Manifest = { schemaVersion: 1, model: modelName("m"), version: version(1), created: "2026-01-01T00:00:00Z", signatureDefs: {}, assets: [], selfTest: null, warmup: [], variants: [] };

type Task = Parameters<typeof planTask>[0];
type Line = Parameters<typeof planTask>[1];

const zeros = (shape: readonly number[]): Tensor => ({ dtype: "float32", shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
const task = (rows: number, queue = "q", ...row: number[]): Task => ({ queue, rows, feeds: { "x:0": zeros([rows, ...row]) }, fetches: ["y:0"] });
/** A batch of some rows, alike `task`s with the same further arguments. */
const batch = (rows: number, ...like: [queue?: string, ...row: number[]]): Line[number] => ({ rows, tasks: [task(rows, ...like)] });
const given = (more: Partial<BatchingParameters>): BatchingParameters => ({ ...DEFAULT_BATCHING, ...more });

describe("where a task goes", () => {
  const four = { maxBatchSize: 4, maxEnqueuedBatches: 2 };
  test.each<[string, Task, Line, Partial<BatchingParameters>, Share[]]>([
    ["into a new batch where none waits", task(3), [], four, [{ rows: 3, batch: undefined }]],
    ["into the one that waits", task(1), [batch(3)], four, [{ rows: 1, batch: 0 }]],
    ["into the oldest with room", task(2), [batch(4), batch(2), batch(1)], { ...four, maxEnqueuedBatches: 3 }, [{ rows: 2, batch: 1 }]],
    ["into a new one where no other has room", task(2), [batch(3)], four, [{ rows: 2, batch: undefined }]],
    ["not to other tensors", task(1), [batch(1, "other")], four, [{ rows: 1, batch: undefined }]],
    ["not to another shape", task(1, "q", 5), [batch(1, "q", 6)], four, [{ rows: 1, batch: undefined }]],
    ["not to another rank", task(1, "q", 5), [batch(1, "q", 5, 1)], { ...four, padVariableLengthInputs: true }, [{ rows: 1, batch: undefined }]],
    ["to another shape where shapes are padded", task(1, "q", 5), [batch(1, "q", 6)], { ...four, padVariableLengthInputs: true }, [{ rows: 1, batch: 0 }]],
    ["not to another shape of a rank that is not padded", task(1, "q", 1, 1, 1, 1, 1, 2), [batch(1, "q", 1, 1, 1, 1, 1, 3)], { ...four, padVariableLengthInputs: true }, [{ rows: 1, batch: undefined }]],
    ["batches of other shapes do not fill the line", task(1, "q", 5), [batch(4, "q", 6), batch(4, "q", 7)], four, [{ rows: 1, batch: undefined }]],
    ["as it is, up to the largest batch", task(4), [], four, [{ rows: 4, batch: undefined }]],
  ])("%s", (_, asked, line, parameters, expected) => {
    expect(planTask(asked, line, given(parameters))).toEqual(expected);
  });

  test.each<[string, Task, Line, Partial<BatchingParameters>, string, string]>([
    ["larger than a batch", task(5), [], four, "INVALID_ARGUMENT", "Task size 5 is larger than maximum input batch size 4"],
    ["larger than TensorFlow Serving's default", task(1001), [], {}, "INVALID_ARGUMENT", "Task size 1001 is larger than maximum input batch size 1000"],
    ["a full line", task(1), [batch(4), batch(4)], four, "UNAVAILABLE", "The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and max_enqueued_batches is 2"],
    ["no room for all of it", task(2), [batch(4), batch(3)], four, "UNAVAILABLE", "The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and max_enqueued_batches is 2"],
    ["shapes without end", task(1, "q", 0), Array.from({ length: LIMITS.queuedRequests }, (_, i) => batch(1, "q", i + 1)), four, "UNAVAILABLE", "full; currently 1024 batches of different shapes are enqueued"],
    [
      "splitting, a full line",
      task(7),
      [batch(4), batch(2)],
      { ...four, enableLargeBatchSplitting: true, maxEnqueuedBatches: 3 },
      "UNAVAILABLE",
      "The batch scheduling queue to which this task was submitted is full; task size is 7 but scheduling capacity is only 6 (num_enqueued_batches=2, max_enqueued_batches=3, open_batch_size=2, max_execution_batch_size=4)",
    ],
  ])("is refused: %s", (_, asked, line, parameters, code, message) => {
    expect(() => planTask(asked, line, given(parameters))).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) as string }));
  });

  const splitting = { maxBatchSize: 8, maxExecutionBatchSize: 4, enableLargeBatchSplitting: true };
  test.each<[string, Task, Line, Share[]]>([
    ["a small one whole", task(3), [], [{ rows: 3, batch: undefined }]],
    ["a large one in parts", task(9), [], [{ rows: 4, batch: undefined }, { rows: 4, batch: undefined }, { rows: 1, batch: undefined }]],
    ["the last batch is filled up first", task(6), [batch(4), batch(3)], [{ rows: 1, batch: 1 }, { rows: 4, batch: undefined }, { rows: 1, batch: undefined }]],
    ["a small one too, since it would wait for the next batch anyway", task(2), [batch(3)], [{ rows: 1, batch: 0 }, { rows: 1, batch: undefined }]],
    ["larger than the whole line, where nothing else waits", task(11), [], [4, 4, 3].map((rows) => ({ rows, batch: undefined }))],
  ])("where large ones are split: %s", (_, asked, line, expected) => {
    expect(planTask(asked, line, given({ ...splitting, maxEnqueuedBatches: expected.length === 3 && line.length === 0 ? 2 : 10 }))).toEqual(expected);
  });
});

test.each([
  [1, [2, 4, 8], 2],
  [2, [2, 4, 8], 2],
  [5, [2, 4, 8], 8],
  [9, [2, 4, 8], 9],
  [3, undefined, 3],
  [3, [], 3],
])("a batch of %i is padded among %j to %i", (rows, allowedBatchSizes, expected) => {
  expect(paddedRows(rows, given({ allowedBatchSizes }))).toBe(expected);
});

test.each<[Partial<BatchingParameters>, string]>([
  [{ maxBatchSize: 0 }, "whole numbers from 1"],
  [{ maxEnqueuedBatches: 1.5 }, "whole numbers from 1"],
  [{ batchTimeoutMicros: -1 }, "batchTimeoutMicros is -1"],
  [{ batchTimeoutMicros: Number.NaN }, "batchTimeoutMicros is NaN"],
  [{ maxExecutionBatchSize: 1001 }, "more than maxBatchSize 1000"],
  [{ maxBatchSize: 4, allowedBatchSizes: [2, 2, 4] }, "do not ascend"],
  [{ maxBatchSize: 4, allowedBatchSizes: [2, 3] }, "must be maxBatchSize 4"],
])("parameters %j are refused", (parameters, why) => {
  expect(() => checkBatchingParameters(given(parameters))).toThrow(expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringContaining(why) as string }));
  expect(() => checkBatchingParameters(given({ maxBatchSize: 4, allowedBatchSizes: [2, 4], maxExecutionBatchSize: 4 }))).not.toThrow();
});

describe("which signature defs are batched", () => {
  const info = (name: string, shape: number[] | null) => ({ name: `${name}:0`, dtype: "float32" as const, shape });
  const queue = (inputs: Record<string, number[] | null>, outputs: Record<string, number[] | null>, more = {}): string | undefined => {
    const entries = (shapes: Record<string, number[] | null>) => Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, info(name, shape)]));
    const def = { methodName: "", inputs: entries(inputs), outputs: entries(outputs), ...more };
    return queueOf(signatureOf({ ...MANIFEST, signatureDefs: { serving_default: def } }, undefined));
  };
  test("those whose tensors all may have a batch dimension, by the tensors that they feed and fetch", () => {
    expect(queue({ a: [-1, 2], b: null }, { y: [-1] })).toBe(queue({ b: [-1], a: [-1] }, { y: null }));
    expect(queue({ a: [-1] }, { y: [-1] })).not.toBe(queue({ a: [-1] }, { z: [-1] }));
  });
  test("none with a fixed size in its place, a scalar, or a default", () => {
    expect(queue({ a: [-1], b: [] }, { y: [-1] })).toBeUndefined();
    expect(queue({ a: [1, 2] }, { y: [-1] })).toBeUndefined();
    expect(queue({ a: [-1] }, { y: [-1], n: [] })).toBeUndefined();
    expect(queue({ a: [-1] }, { y: [-1] }, { defaults: { a: { shape: [1], values: [1] } } })).toBeUndefined();
  });
  test("the 0th dimension is that of all inputs", () => {
    expect(rowsOf({ a: zeros([3, 2]), b: zeros([3]) })).toBe(3);
    expect(() => rowsOf({ a: zeros([]) })).toThrow("Batching Run() input tensors must have at least one dimension");
    expect(() => rowsOf({ a: zeros([2]), b: zeros([3]) })).toThrow("Batching Run() input tensors must have equal 0th-dimension size");
  });
});
