import { describe, expect, test } from "vitest";
import { EngineQueue } from "../../../engine/queue.ts";

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe("the engine queue", () => {
  test("an idle queue starts a task at once", () => {
    let ran = false;
    void new EngineQueue().run(() => {
      ran = true;
    });
    expect(ran).toBe(true);
  });

  test("tasks, asynchronous ones included, never overlap and keep their order", async () => {
    const queue = new EngineQueue();
    const log: string[] = [];
    const task = (name: string) => async (): Promise<void> => {
      log.push(`${name} starts`);
      await Promise.resolve();
      log.push(`${name} ends`);
    };
    await Promise.all(["a", "b", "c"].map((name) => queue.run(task(name))));
    expect(log).toEqual(["a starts", "a ends", "b starts", "b ends", "c starts", "c ends"]);
  });

  test("a task that fails does not hold up the next", async () => {
    const queue = new EngineQueue();
    const failing = queue.run(() => {
      throw new Error("no");
    });
    const next = queue.run(() => "yes");
    await expect(failing).rejects.toThrow("no");
    expect(await next).toBe("yes");
  });

  test("a full queue refuses, but not what must have its turn", async () => {
    const queue = new EngineQueue(2);
    const gate = deferred();
    const tasks = [queue.run(() => gate.promise), queue.run(() => 1), queue.run(() => 2)];
    await expect(queue.run(() => 3)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    const urgent = queue.run(() => 4, { bounded: false });
    gate.resolve();
    expect(await Promise.all([...tasks, urgent])).toEqual([undefined, 1, 2, 4]);
  });

  test("an aborted task leaves the queue and makes room; one that has started is not disturbed", async () => {
    const queue = new EngineQueue(1);
    const gate = deferred();
    const abort = new AbortController();
    const running = queue.run(() => gate.promise, { signal: abort.signal });
    let ran = false;
    const waiting = queue.run(() => (ran = true), { signal: abort.signal });
    abort.abort(new DOMException("late", "TimeoutError"));
    await expect(waiting).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    const next = queue.run(() => "next");
    gate.resolve();
    await running;
    expect(await next).toBe("next");
    expect(ran).toBe(false);
    await expect(queue.run(() => 1, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});
