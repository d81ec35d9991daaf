import { describe, expect, test } from "vitest";
import { AshoreError } from "../../../../protocol/errors.ts";
import { withCutOff } from "../../../../runtime/activate/index.ts";
import { nodeClock } from "../../../../edge/node-clock.ts";
import type { PredictAnswer } from "../../../../runtime/predict/index.ts";
import { FakeClock } from "../../browser/engine-fakes.ts";
import { bench, vector, yOf, type Bench } from "./bench.ts";

const sizes = ({ asked }: Bench): number[] => asked.map(({ x }) => x.length);
const numbers = ({ asked }: Bench): number[][] => asked.map(({ x }) => x.flat());
const countOf = ({ outputs }: PredictAnswer): number | undefined => ((outputs["count"]?.data ?? []) as Float32Array)[0];
const post = (b: Bench, body: unknown, signal?: AbortSignal) => b.rest.handle({ method: "POST", target: "/v1/models/m:predict", body: () => new TextEncoder().encode(JSON.stringify(body)) }, { signal });
const textOf = ({ body }: Awaited<ReturnType<typeof post>>): string => (typeof body === "string" ? body : new TextDecoder().decode(body));
/** All turns of the microtask queue that what was begun needs. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("what runs together", () => {
  test("what waits when the engine is free, in the order that it came; each gets its own rows", async () => {
    const b = await bench();
    b.hold();
    const first = b.ask([1]);
    await b.untilAsked(1);
    const others = [b.ask([2, 3]), b.ask([4]), b.ask([5, 6, 7])];
    b.step();
    expect(yOf(await first)).toEqual([3]);
    await b.untilAsked(2);
    b.go();
    expect((await Promise.all(others)).map(yOf)).toEqual([[5, 7], [9], [11, 13, 15]]);
    expect(numbers(b)).toEqual([[1], [2, 3, 4, 5, 6, 7]]);
  });

  test("what is asked for in one turn", async () => {
    const b = await bench();
    const answers = await Promise.all(Array.from({ length: 64 }, (_, i) => b.ask([i])));
    expect(answers.map(yOf)).toEqual(Array.from({ length: 64 }, (_, i) => [2 * i + 1]));
    expect(sizes(b)).toEqual([64]);
  });

  test("a request by itself is asked for as it is, at once, and its answer is the engine's", async () => {
    const b = await bench({ clock: new FakeClock() });
    const x = vector(1, 2);
    const { outputs } = await b.ask(x);
    expect(b.asked[0]?.feeds["x:0"]).toBe(x);
    expect(outputs["y"]).toEqual(vector(3, 5));
  });

  test("signature defs of the same tensors, whatever their names for them; not others", async () => {
    const b = await bench();
    const answers = await Promise.all([b.ask([1]), b.ask([2], { signatureDef: "again" }), b.ask([3], { signatureDef: "other" })]);
    expect(answers.map(yOf)).toEqual([[3], [5], [7]]);
    expect(answers.map(({ outputs }) => Object.keys(outputs).sort())).toEqual([["same", "y"], ["same", "y"], ["y"]]);
    expect(numbers(b)).toEqual([[1, 2], [3]]);
  });

  test("requests of other shapes go in another batch, and none fails", async () => {
    const b = await bench({ batching: { maxEnqueuedBatches: 1 } });
    const wide = (...values: number[]) => ({ dtype: "float32" as const, shape: [1, values.length], data: Float32Array.from(values) });
    const answers = await Promise.all([b.ask(wide(1, 2)), b.ask(wide(3)), b.ask(wide(4, 5)), b.ask(wide(6)), b.ask([7])]);
    expect(answers.map(yOf)).toEqual([[7], [7], [19], [13], [15]]);
    expect(sizes(b)).toEqual([2, 2, 1]);
  });

  test("where shapes are padded, others too: with the first element of each", async () => {
    const b = await bench({ batching: { padVariableLengthInputs: true } });
    const wide = (...values: number[]) => ({ dtype: "float32" as const, shape: [1, values.length], data: Float32Array.from(values) });
    await Promise.all([b.ask(wide(1, 2, 3)), b.ask(wide(4))]);
    expect(b.asked.map(({ x }) => x)).toEqual([[[1, 2, 3], [4, 4, 4]]]);
  });

  test("a batch is padded to the next allowed size with the first row of its last request, and nobody sees it", async () => {
    const b = await bench({ batching: { maxBatchSize: 8, allowedBatchSizes: [1, 4, 8] } });
    const answers = await Promise.all([b.ask([1]), b.ask([2]), b.ask([3, 4, 5])]);
    expect(answers.map(yOf)).toEqual([[3], [5], [7, 9, 11]]);
    expect(yOf(await b.ask([6, 7]))).toEqual([13, 15]);
    expect(numbers(b)).toEqual([[1, 2, 3, 4, 5, 3, 3, 3], [6, 7, 6, 6]]);
  });

  test("no batch has more rows than the largest", async () => {
    const b = await bench({ batching: { maxBatchSize: 3 } });
    const answers = await Promise.all([1, 2, 3, 4, 5, 6, 7].map((i) => b.ask([i])));
    expect(answers.map(yOf).flat()).toEqual([3, 5, 7, 9, 11, 13, 15]);
    expect(sizes(b)).toEqual([3, 3, 1]);
  });

  test("large requests are split where it is asked for, and answered whole", async () => {
    const b = await bench({ batching: { maxBatchSize: 4, maxExecutionBatchSize: 2, enableLargeBatchSplitting: true } });
    const [whole, other] = await Promise.all([b.ask([1, 2, 3, 4, 5]), b.ask([6])]);
    expect(yOf(whole)).toEqual([3, 5, 7, 9, 11]);
    expect(whole.outputs["same"]).toEqual(vector(1, 2, 3, 4, 5));
    expect(yOf(other)).toEqual([13]);
    expect(numbers(b)).toEqual([[1, 2], [3, 4], [5, 6]]);
  });

  test("no rows at all are answered as they are", async () => {
    const b = await bench();
    expect(yOf(await b.ask([]))).toEqual([]);
  });
});

describe("how long a batch waits", () => {
  test("until its time is over", async () => {
    const clock = new FakeClock();
    const b = await bench({ clock, batching: { batchTimeoutMicros: 5_000 } });
    const first = b.ask([1]);
    await turn();
    clock.advance(4);
    const second = b.ask([2]);
    await turn();
    expect(b.asked).toEqual([]);
    clock.advance(1);
    expect([yOf(await first), yOf(await second)]).toEqual([[3], [5]]);
    expect(sizes(b)).toEqual([2]);
    expect(clock.sleepers).toBe(0);
  });

  test("not once it is full, or another had to be opened", async () => {
    const clock = new FakeClock();
    const b = await bench({ clock, batching: { batchTimeoutMicros: 5_000, maxBatchSize: 3 } });
    expect((await Promise.all([b.ask([1, 2]), b.ask([3])])).map(yOf)).toEqual([[3, 5], [7]]);
    expect(clock.sleepers).toBe(0);
    const [early, late] = [b.ask([4, 5]), b.ask([6, 7])];
    expect(yOf(await early)).toEqual([9, 11]);
    await turn();
    clock.advance(5);
    expect(yOf(await late)).toEqual([13, 15]);
  });

  test("nobody's time is waited for when all have left", async () => {
    const clock = new FakeClock();
    const b = await bench({ clock, batching: { batchTimeoutMicros: 5_000 } });
    const gone = new AbortController();
    const leaving = b.ask([1], { signal: gone.signal });
    gone.abort();
    await expect(leaving).rejects.toMatchObject({ code: "CANCELLED" });
    expect(clock.sleepers).toBe(0);
    clock.advance(5);
    await turn();
    expect(b.asked).toEqual([]);
  });
});

describe("an error is that of its own request", () => {
  const refusesNegative = ({ x }: { readonly x: readonly (readonly number[])[] }): void => {
    const bad = x.flat().find((value) => value < 0);
    if (bad !== undefined) throw new AshoreError("INVALID_ARGUMENT", `${bad} is negative`);
  };

  test("whoever ran with it gets an answer", async () => {
    const b = await bench({ before: refusesNegative });
    const answers = await Promise.allSettled([1, 2, -3, 4, 5, 6, -7, 8].map((i) => b.ask([i])));
    expect(answers.map((answer) => (answer.status === "fulfilled" ? yOf(answer.value)[0] : (answer.reason as Error).message))).toEqual([3, 5, "-3 is negative", 9, 11, 13, "-7 is negative", 17]);
    expect(sizes(b)[0]).toBe(8);
    // By halves: a culprit costs some runs, not one for each.
    expect(sizes(b).length).toBeLessThanOrEqual(11);
  });

  test("the next batch is whole again", async () => {
    const b = await bench({ before: refusesNegative });
    await Promise.allSettled([b.ask([-1]), b.ask([1])]);
    b.asked.length = 0;
    await Promise.all([b.ask([1]), b.ask([2])]);
    expect(sizes(b)).toEqual([2]);
  });

  test("a request in parts fails as one, and its parts that wait are not computed", async () => {
    const b = await bench({ before: refusesNegative, batching: { maxBatchSize: 2, enableLargeBatchSplitting: true } });
    const [bad, good] = await Promise.allSettled([b.ask([1, -2, 3, 4, 5]), b.ask([6])]);
    expect(bad).toMatchObject({ status: "rejected", reason: { code: "INVALID_ARGUMENT" } });
    expect(good).toMatchObject({ status: "fulfilled" });
    expect(numbers(b)).toEqual([[1, -2], [6]]);
  });

  test("what the engine refuses whoever asks is not tried for each", async () => {
    const b = await bench({
      before: () => {
        throw new AshoreError("UNAVAILABLE", "Too many wait.");
      },
    });
    const answers = await Promise.allSettled([1, 2, 3].map((i) => b.ask([i])));
    expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(sizes(b)).toEqual([3]);
  });
});

describe("what cannot be batched is answered", () => {
  test("outputs without the batch dimension: one by one, and it is remembered", async () => {
    const b = await bench();
    const ask = (...x: number[]) => b.ask(x, { signatureDef: "total" }).then(countOf);
    expect(await Promise.all([ask(1, 2), ask(3), ask(4, 5, 6)])).toEqual([2, 1, 3]);
    expect(sizes(b)).toEqual([6, 2, 1, 3]);
    expect(await Promise.all([ask(1, 2), ask(3)])).toEqual([2, 1]);
    expect(sizes(b).slice(4)).toEqual([2, 1]);
    // Others of the same model are batched still.
    await Promise.all([b.ask([1]), b.ask([2])]);
    expect(sizes(b).slice(6)).toEqual([2]);
  });

  test("nor is what is alone padded then", async () => {
    const b = await bench({ batching: { maxBatchSize: 4, allowedBatchSizes: [4] } });
    expect(countOf(await b.ask([1, 2], { signatureDef: "total" }))).toBe(2);
  });

  test("nor split", async () => {
    const b = await bench({ batching: { maxBatchSize: 2, enableLargeBatchSplitting: true } });
    const ask = (...x: number[]) => b.ask(x, { signatureDef: "total" }).then(countOf);
    expect(await Promise.all([ask(1, 2, 3, 4, 5), ask(6), ask(7, 8, 9)])).toEqual([5, 1, 3]);
    expect(await ask(1, 2, 3)).toBe(3);
  });

  test("a signature def that says itself that an input has none", async () => {
    const b = await bench();
    const scalar = { dtype: "float32" as const, shape: [], data: Float32Array.of(1) };
    const answers = await Promise.all([1, 2].map((i) => b.ask([], { signatureDef: "scalar", inputs: { x: vector(i), n: scalar } })));
    expect(answers.map(yOf)).toEqual([[3], [5]]);
    expect(sizes(b)).toEqual([1, 1]);
  });
});

describe("TensorFlow Serving's refusals", () => {
  test.each<[string, unknown, number, string]>([
    ["an input without a dimension", { inputs: 1 }, 400, "Batching Run() input tensors must have at least one dimension"],
    ["inputs of unequal 0th dimensions", { signature_name: "two", inputs: { a: [1, 2], b: [1] } }, 400, "Batching Run() input tensors must have equal 0th-dimension size"],
    ["more rows than a batch", { instances: [1, 2, 3, 4, 5] }, 400, "Task size 5 is larger than maximum input batch size 4"],
  ])("%s", async (_, body, status, message) => {
    const b = await bench({ batching: { maxBatchSize: 4 } });
    const answer = await post(b, body);
    expect([answer.status, (JSON.parse(textOf(answer)) as { error: string }).error]).toEqual([status, message]);
    expect(b.asked).toEqual([]);
  });

  test("a full line: 503, and when to come back", async () => {
    const b = await bench({ batching: { maxBatchSize: 2, maxEnqueuedBatches: 2 } });
    b.hold();
    const running = post(b, { instances: [1] });
    await b.untilAsked(1);
    const waiting = [2, 3, 4, 5].map((i) => post(b, { instances: [i] }));
    const refused = await post(b, { instances: [6] });
    expect(refused).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    expect(textOf(refused)).toContain("The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and max_enqueued_batches is 2");
    b.go();
    expect((await Promise.all([running, ...waiting])).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(numbers(b)).toEqual([[1], [2, 3], [4, 5]]);
    expect((await post(b, { instances: [6] })).status).toBe(200);
  });
});

describe("who leaves", () => {
  test("the line is never computed, and makes room", async () => {
    const b = await bench({ batching: { maxBatchSize: 2, maxEnqueuedBatches: 1 } });
    b.hold();
    const first = b.ask([1]);
    await b.untilAsked(1);
    const gone = new AbortController();
    const [leaving, staying] = [b.ask([2], { signal: gone.signal }), b.ask([3])];
    gone.abort();
    await expect(leaving).rejects.toMatchObject({ code: "CANCELLED" });
    const another = b.ask([4]);
    b.go();
    expect((await Promise.all([first, staying, another])).map(yOf)).toEqual([[3], [7], [9]]);
    expect(numbers(b)).toEqual([[1], [3, 4]]);
  });

  test("while it is computed: others are answered; when all have left, the engine is told", async () => {
    const b = await bench();
    b.hold();
    const gone = [new AbortController(), new AbortController()];
    const leaving = gone.map(({ signal }, i) => b.ask([i], { signal }));
    await b.untilAsked(1);
    gone[0]?.abort();
    await expect(leaving[0]).rejects.toMatchObject({ code: "CANCELLED" });
    await turn();
    expect(b.models[0]?.running).toBe(1);
    gone[1]?.abort();
    await expect(leaving[1]).rejects.toMatchObject({ code: "CANCELLED" });
    await turn();
    expect(b.models[0]?.running).toBe(0);
    b.go();
    expect(yOf(await b.ask([5]))).toEqual([11]);
  });

  test("before it asks, asks for nothing", async () => {
    const b = await bench();
    await expect(b.ask([1], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
    await turn();
    expect(b.asked).toEqual([]);
  });

  test("one part of a request in parts takes the others along", async () => {
    const b = await bench({ batching: { maxBatchSize: 2, enableLargeBatchSplitting: true } });
    b.hold();
    const gone = new AbortController();
    const leaving = b.ask([1, 2, 3, 4, 5], { signal: gone.signal });
    await b.untilAsked(1);
    gone.abort();
    await expect(leaving).rejects.toMatchObject({ code: "CANCELLED" });
    b.go();
    expect(yOf(await b.ask([6]))).toEqual([13]);
    expect(numbers(b)).toEqual([[1, 2], [6]]);
  });

  test("because its time is over: 429 out of the line, 504 out of the engine", async () => {
    const clock = new FakeClock();
    const b = await bench({ clock, rest: { timeoutMs: 100 } });
    b.hold();
    const running = post(b, { instances: [1] });
    await b.untilAsked(1);
    clock.advance(50);
    const waiting = post(b, { instances: [2] });
    await turn();
    clock.advance(50);
    const late = await running;
    expect([late.status, textOf(late)]).toEqual([504, expect.stringContaining("did not end within 100 ms")]);
    // The engine is free of the first, and takes the second; a third waits for that.
    await b.untilAsked(2);
    const third = post(b, { instances: [3] });
    await turn();
    clock.advance(50);
    expect((await waiting).status).toBe(504);
    await b.untilAsked(3);
    const fourth = post(b, { instances: [4] });
    await turn();
    // Somebody stays with the engine, so the fourth stays in the line.
    const patient = b.ask([5]);
    b.go();
    expect((await Promise.all([third, fourth])).map(({ status }) => status)).toEqual([200, 200]);
    expect(yOf(await patient)).toEqual([11]);
  });

  test("a request whose time ends in the line is never computed", async () => {
    const clock = new FakeClock();
    const b = await bench({ clock, rest: { timeoutMs: 100 } });
    b.hold();
    const patient = b.ask([1]);
    await b.untilAsked(1);
    const waiting = [post(b, { instances: [2] }), post(b, { instances: [3] })];
    await turn();
    clock.advance(100);
    const answers = await Promise.all(waiting);
    expect(answers.map((answer) => [answer.status, textOf(answer)])).toEqual(Array(2).fill([429, expect.stringContaining("Run() timeout exceeded while waiting in batching queue")]));
    b.go();
    expect(yOf(await patient)).toEqual([3]);
    expect(numbers(b)).toEqual([[1]]);
  });
});

describe("when versions change", () => {
  test("who waits is answered by the version that it came to, which is unloaded after the last", async () => {
    const b = await bench({ batching: { maxBatchSize: 2 } });
    b.hold();
    const old = [1, 2, 3, 4, 5].map((i) => b.ask([i]));
    await b.untilAsked(1);
    b.set([2]);
    await turn();
    const young = [6, 7].map((i) => b.ask([i]));
    await b.untilAsked(2);
    expect(b.models.map(({ closed }) => closed)).toEqual([false, false]);
    b.go();
    expect((await Promise.all(old)).map((answer) => [answer.version, ...yOf(answer)])).toEqual([[1, 3], [1, 5], [1, 7], [1, 9], [1, 11]]);
    expect((await Promise.all(young)).map((answer) => [answer.version, ...yOf(answer)])).toEqual([[2, 14], [2, 16]]);
    await b.manager.settled();
    await turn();
    expect(b.models.map(({ closed }) => closed)).toEqual([true, false]);
  });

  test("a runtime that closes lets them end", async () => {
    const b = await bench({ batching: { maxBatchSize: 1 } });
    b.hold();
    const asked = [1, 2, 3].map((i) => b.ask([i]));
    await b.untilAsked(1);
    const closing = withCutOff(nodeClock, 10_000, (cutOff) => b.manager.close(cutOff));
    b.go();
    expect((await Promise.all(asked)).map(yOf)).toEqual([[3], [5], [7]]);
    await closing;
    expect(b.models[0]?.closed).toBe(true);
  });
});

describe("when an engine dies", () => {
  test("everyone in its batch and in the line is answered by the next, each alone", async () => {
    let deaths = 0;
    const b = await bench({
      batching: { maxBatchSize: 2 },
      before: ({ model }) => {
        if (deaths++ > 0) return;
        model.die();
        throw new AshoreError("ENGINE_CRASHED", "It died of this.");
      },
    });
    const answers = await Promise.all([1, 2, 3, 4, 5].map((i) => b.ask([i])));
    expect(answers.map(yOf).flat()).toEqual([3, 5, 7, 9, 11]);
    expect(sizes(b)).toEqual([2, 1, 1, 1, 1, 1]);
    expect(b.models).toHaveLength(2);
    b.asked.length = 0;
    await Promise.all([b.ask([1]), b.ask([2])]);
    expect(sizes(b)).toEqual([2]);
  });
});

test("what is counted: who enters, how long one waits, what runs with how much padding", async () => {
  const counts: string[] = [];
  let now = 0;
  const metrics = {
    now: () => now,
    entered: (rows: number) => void counts.push(`entered ${rows}`),
    waited: (microseconds: number) => void counts.push(`waited ${microseconds}`),
    ran: (rows: number, padding: number) => void counts.push(`ran ${rows}, ${padding} padding`),
  };
  const b = await bench({ batching: { maxBatchSize: 4, allowedBatchSizes: [2, 4] }, metrics });
  b.hold();
  const first = b.ask([1, 2]);
  await b.untilAsked(1);
  const others = [b.ask([3]), b.ask([4, 5])];
  await turn();
  now = 3;
  b.go();
  await Promise.all([first, ...others]);
  expect(counts).toEqual(["entered 2", "waited 0", "ran 2, 0 padding", "entered 1", "entered 2", "waited 3000", "waited 3000", "ran 4, 1 padding"]);
});
