import { describe, expect, test } from "vitest";
import type { EngineRequest } from "../../../edge/engine-codec.ts";
import { RunQueue } from "../../../edge/engine-run-queue.ts";
import type { EngineTensor } from "../../../engine/feeds.ts";
import { AshoreError } from "../../../protocol/errors.ts";

const tensor = (value: number): EngineTensor => ({ dtype: "float32", shape: [1], data: Float32Array.of(value) });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A queue, the messages that it posted (as the numbers fed), and a thread that answers the oldest `count` of them. */
function queueAndThread(limit?: number) {
  const messages: number[][] = [];
  const asked: number[] = [];
  const queue = new RunQueue((requests: readonly EngineRequest[]) => {
    const values = requests.map(({ feeds }) => Number(feeds["x"]?.data[0]));
    messages.push(values);
    asked.push(...values);
  }, limit);
  return {
    queue,
    messages,
    run: (value: number, signal?: AbortSignal) => queue.run({ x: tensor(value) }, ["y"], signal),
    answer: (count: number, msEach: number) => queue.settle(asked.splice(0, count).map((value) => [tensor(10 * value)]), count * msEach),
  };
}

describe("the requests of an engine thread", () => {
  test("of one turn are one message, and get their own answers", async () => {
    const { run, messages, answer } = queueAndThread();
    const first = run(0);
    await turn();
    answer(1, 0.01);
    const answers = Promise.all([first, ...[1, 2, 3, 4].map((value) => run(value))]);
    await turn();
    expect(messages).toEqual([[0], [1, 2, 3, 4]]);
    answer(2, 0.01);
    answer(2, 0.01);
    expect((await answers).map(({ y }) => y?.data[0])).toEqual([0, 10, 20, 30, 40]);
  });

  test("wait here, where they can be aborted, while a slow model has enough to do", async () => {
    const { run, messages, answer } = queueAndThread();
    const abort = new AbortController();
    const all = Promise.allSettled([0, 1, 2, 3, 4].map((value) => run(value, value === 2 || value === 1 ? abort.signal : undefined)));
    await turn();
    expect(messages).toEqual([[0, 1]]);
    abort.abort();
    answer(1, 100);
    await turn();
    expect(messages).toEqual([[0, 1], [3]]);
    answer(2, 100);
    await turn();
    answer(1, 100);
    expect(messages).toEqual([[0, 1], [3], [4]]);
    expect((await all).map((result) => (result.status === "fulfilled" ? result.value["y"]?.data[0] : (result.reason as AshoreError).code))).toEqual([0, "CANCELLED", "CANCELLED", 30, 40]);
  });

  test("are refused when too many wait, when the feeds are wrong, and when the signal is aborted already", async () => {
    const { run, queue } = queueAndThread(2);
    const waiting = [run(1), run(2)];
    await expect(run(3)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    queue.end(new AshoreError("CANCELLED", "over"));
    await Promise.allSettled(waiting);
    const other = queueAndThread();
    await expect(other.queue.run({ x: { dtype: "float32", shape: [2], data: Float32Array.of(1) } }, ["y"])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(other.run(1, AbortSignal.abort())).rejects.toMatchObject({ code: "CANCELLED" });
    await turn();
    expect(other.messages).toEqual([]);
  });

  test("are all rejected with the reason that the thread ended for, later ones too", async () => {
    const { run, queue, messages } = queueAndThread();
    const settled = Promise.allSettled([run(1), run(2), run(3)]);
    await turn();
    expect(messages).toEqual([[1, 2]]);
    queue.end(new AshoreError("ENGINE_CRASHED", "gone"));
    const results = await settled;
    expect(results.map((result) => result.status === "rejected" && (result.reason as AshoreError).code)).toEqual(["ENGINE_CRASHED", "ENGINE_CRASHED", "ENGINE_CRASHED"]);
    await expect(run(4)).rejects.toMatchObject({ code: "ENGINE_CRASHED" });
  });

  test("an answer that was under way when the thread was ended is nobody's, and no error", async () => {
    const { run, queue, answer } = queueAndThread();
    const settled = Promise.allSettled([run(1)]);
    await turn();
    queue.end(new AshoreError("ENGINE_CRASHED", "gone"));
    expect(() => answer(1, 1)).not.toThrow();
    expect(await settled).toMatchObject([{ status: "rejected", reason: { code: "ENGINE_CRASHED" } }]);
  });

  test("an error of the thread is that request's alone", async () => {
    const { run, queue } = queueAndThread();
    const settled = Promise.allSettled([run(1), run(2)]);
    await turn();
    queue.settle([new AshoreError("INVALID_ARGUMENT", "bad"), [tensor(5)]], 1);
    expect(await settled).toMatchObject([{ status: "rejected", reason: { code: "INVALID_ARGUMENT" } }, { status: "fulfilled" }]);
  });
});
