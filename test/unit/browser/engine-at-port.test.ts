import { MessageChannel } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import { adoptAtPort, loadAtPort, type EngineAtPort } from "../../../browser/engine-at-port.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { NamedTensors } from "../../../protocol/tensor.ts";
import { linearModel } from "../../support/small-graphs.ts";
import { enginePort, FakeClock, FakeLocks, FakePageWorker } from "./engine-fakes.ts";

const OWNER = "life of the runtime";
const x = (value: number): NamedTensors => ({ "x:0": { dtype: "float32", shape: [1], data: Float32Array.of(value) } });
const fed = (feeds: NamedTensors): unknown => feeds["x:0"]?.data[0];
const first = (answers: NamedTensors): unknown => answers["y:0"]?.data[0];

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Both sides of a port, whose worker a test starts. */
function place({ threads = 1 } = {}) {
  const locks = new FakeLocks();
  const clock = new FakeClock();
  locks.hold(OWNER);
  const { port1, port2 } = new MessageChannel();
  const start = (): FakePageWorker => {
    const worker = new FakePageWorker(locks, port2, { owner: OWNER, threads, clock });
    ends.push(() => worker.die());
    return worker;
  };
  ends.push(() => port1.close());
  const load = (options: { readonly keep?: boolean; readonly engine?: string; readonly signal?: AbortSignal } = {}, bytes = linearModel(2, 1)) =>
    loadAtPort(enginePort(port1), bytes, { backend: "wasm", ...options }, { locks, clock });
  return { locks, clock, port2, load, start };
}

async function loaded(): Promise<{ engine: EngineAtPort; worker: FakePageWorker; locks: FakeLocks; port2: ReturnType<typeof place>["port2"] }> {
  const { load, start, locks, port2 } = place();
  const worker = start();
  return { engine: await load(), worker, locks, port2 };
}

describe("a model behind a port", () => {
  test("computes there, with what its worker says of itself, and the feeds stay the caller's", async () => {
    const { load, start } = place({ threads: 4 });
    const worker = start();
    const engine = await load();
    expect([engine.backend, engine.threads]).toEqual(["wasm", 4]);
    const buffer = Float32Array.of(7, 3, 9);
    const feeds: NamedTensors = { "x:0": { dtype: "float32", shape: [1], data: buffer.subarray(1, 2) } };
    const answer = engine.run(feeds, ["y:0"]);
    const computation = await worker.engine.computation(0);
    expect(computation.feeds).toEqual(x(3));
    expect(computation.feeds["x:0"]?.data).toHaveProperty("buffer.byteLength", 4);
    computation.answer(7);
    expect(await answer).toEqual({ "y:0": { dtype: "float32", shape: [1], data: Float32Array.of(7) } });
    expect(buffer).toEqual(Float32Array.of(7, 3, 9));
  });

  test("gets the model's bytes, moved, or copied where they are needed here too", async () => {
    for (const keep of [false, true]) {
      const { load, start } = place();
      const worker = start();
      const bytes = linearModel(2, 1);
      const { byteLength } = bytes.graph;
      await load({ keep }, bytes);
      expect(worker.engine.loads[0]?.model).toEqual(linearModel(2, 1));
      expect(bytes.graph.byteLength).toBe(keep ? byteLength : 0);
    }
  });

  test("says what is wrong with a request, and answers the next", async () => {
    const { engine, worker } = await loaded();
    await expect(engine.run({ "x:0": { dtype: "float32", shape: [2], data: Float32Array.of(1) } }, ["y:0"])).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringMatching(/x:0 has 1 elements/) });
    const wrong = engine.run(x(1), ["q:0"]);
    (await worker.engine.computation(0)).fail(new AshoreError("INVALID_ARGUMENT", "The graph has no tensor q:0."));
    await expect(wrong).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: "The graph has no tensor q:0." });
    const right = engine.run(x(1), ["y:0"]);
    (await worker.engine.computation(1)).answer(5);
    expect(first(await right)).toBe(5);
  });

  test("tells why it could not be loaded, and its worker ends", async () => {
    const { load, start, locks } = place();
    const worker = start();
    worker.engine.refuse = () => {
      throw new AshoreError("MODEL_MALFORMED", "no graph");
    };
    await expect(load()).rejects.toMatchObject({ code: "MODEL_MALFORMED", message: "no graph" });
    await locks.request(worker.life, { signal: new AbortController().signal }, () => undefined);
    expect(worker.isAlive).toBe(false);
  });
});

describe("a worker that dies", () => {
  test("after it has answered is gone, as tabs go; what is pending is rejected", async () => {
    const { engine, worker } = await loaded();
    const answer = engine.run(x(1), ["y:0"]);
    (await worker.engine.computation(0)).answer(3);
    await answer;
    const pending = Promise.allSettled([1, 2, 3, 4].map((value) => engine.run(x(value), ["y:0"])));
    await worker.engine.computation(1);
    worker.die();
    expect((await engine.lost).code).toBe("ENGINE_GONE");
    for (const result of await pending) expect(result).toMatchObject({ status: "rejected", reason: { code: "ENGINE_GONE" } });
    await expect(engine.run(x(1), ["y:0"])).rejects.toMatchObject({ code: "ENGINE_GONE" });
    await engine.close();
  });

  test("idle, is gone too", async () => {
    const { engine, worker } = await loaded();
    worker.die();
    expect((await engine.lost).code).toBe("ENGINE_GONE");
  });

  test("at its first computation may do it again, and counts as crashed", async () => {
    const { engine, worker } = await loaded();
    const pending = Promise.allSettled([1, 2, 3, 4].map((value) => engine.run(x(value), ["y:0"])));
    await worker.engine.computation(0);
    worker.die();
    expect((await engine.lost).code).toBe("ENGINE_CRASHED");
    for (const result of await pending) expect(result).toMatchObject({ status: "rejected", reason: { code: "ENGINE_CRASHED" } });
    await expect(engine.run(x(1), ["y:0"])).rejects.toMatchObject({ code: "ENGINE_CRASHED" });
    await engine.close();
  });

  test("while it loads rejects the load, and the bytes that were kept are there for another", async () => {
    const { load, start, locks } = place();
    const worker = start();
    const bytes = linearModel(2, 1);
    worker.engine.load = () => {
      worker.die();
      return new Promise(() => {});
    };
    await expect(load({ keep: true }, bytes)).rejects.toMatchObject({ code: "ENGINE_CRASHED" });
    expect(bytes).toEqual(linearModel(2, 1));
    expect(locks.isHeld(worker.life)).toBe(false);
  });

  test("before it began counts as none, within a bounded time", async () => {
    const { load, clock } = place();
    const loading = load();
    clock.advance(LIMITS.workerTakesMs);
    await expect(loading).rejects.toMatchObject({ code: "WORKER_FAILED" });
  });

  test("whose engine crashed is told by its reason, and ends", async () => {
    const { engine, worker, locks } = await loaded();
    const pending = engine.run(x(1), ["y:0"]);
    await worker.engine.computation(0);
    worker.engine.lose(new AshoreError("ENGINE_CRASHED", "The GPU device was lost."));
    expect((await engine.lost).message).toBe("The GPU device was lost.");
    await expect(pending).rejects.toMatchObject({ code: "ENGINE_CRASHED" });
    await locks.request(worker.life, { signal: new AbortController().signal }, () => undefined);
  });

  test("says what nobody understands, and is given up", async () => {
    const { engine, port2 } = await loaded();
    port2.postMessage({ type: "answer", id: 1, answers: { "y:0": { dtype: "float32", shape: [1], data: "1" } } });
    expect(await engine.lost).toMatchObject({ code: "ENGINE_CRASHED", message: expect.stringMatching(/does not understand/) });
  });

  test("and a runtime that dies takes its worker with it, where it is not to be kept", async () => {
    const { worker, locks } = await loaded();
    locks.free(OWNER);
    await locks.request(worker.life, { signal: new AbortController().signal }, () => undefined);
    expect(worker.isAlive).toBe(false);
  });
});

describe("a worker whose runtime died", () => {
  const NEXT = "life of the next runtime";

  /** A worker with a model called `engine`, whose runtime died; and the next one, to which the page hands it. */
  async function orphaned() {
    const { locks, clock, load, start } = place({ threads: 4 });
    const worker = start();
    const before = await load({ engine: "m 1" });
    const pending = Promise.allSettled([before.run(x(1), ["y:0"]), before.run(x(2), ["y:0"])]);
    const under = await worker.engine.computation(0);
    locks.free(OWNER);
    locks.hold(NEXT);
    const adopt = (engine = "m 1", signal?: AbortSignal): Promise<EngineAtPort> => {
      const { port1, port2 } = new MessageChannel();
      ends.push(() => port1.close());
      worker.serve(port2, NEXT);
      return adoptAtPort(enginePort(port1), { backend: "wasm", engine, signal }, { locks, clock });
    };
    ends.push(() => void before.close());
    const ended = (): Promise<unknown> => locks.request(worker.life, { signal: new AbortController().signal }, () => undefined);
    return { locks, clock, worker, before, pending, under, adopt, ended };
  }

  test("computes for the next one, with the model that it has", async () => {
    const { worker, under, adopt } = await orphaned();
    under.answer(1);
    const engine = await adopt();
    expect([engine.backend, engine.threads]).toEqual(["wasm", 4]);
    const answer = engine.run(x(3), ["y:0"]);
    (await worker.engine.computation(1)).answer(7);
    expect(first(await answer)).toBe(7);
    expect(worker.engine.loads).toHaveLength(1);
    await engine.close();
    expect(worker.isAlive).toBe(false);
  });

  test("gives the next one no answer that was asked for before, and computes nothing that waited", async () => {
    const { worker, under, adopt } = await orphaned();
    const engine = await adopt();
    // Both are the first of their runtime.
    const answer = engine.run(x(3), ["y:0"]);
    const next = await worker.engine.computation(1);
    expect(fed(next.feeds)).toBe(3);
    under.answer(1);
    next.answer(7);
    expect(first(await answer)).toBe(7);
  });

  test("obeys nobody but the next one", async () => {
    const { worker, under, before, adopt } = await orphaned();
    under.answer(1);
    const engine = await adopt();
    before.end(new AshoreError("CANCELLED", "late"));
    const answer = engine.run(x(3), ["y:0"]);
    (await worker.engine.computation(1)).answer(7);
    expect(first(await answer)).toBe(7);
    expect(worker.isAlive).toBe(true);
  });

  test("is taken over before it has heard of the death too", async () => {
    const { load, start, locks, clock } = place();
    const worker = start();
    await load({ engine: "m 1" });
    locks.hold(NEXT);
    const { port1, port2 } = new MessageChannel();
    ends.push(() => port1.close());
    worker.serve(port2, NEXT);
    const engine = await adoptAtPort(enginePort(port1), { backend: "wasm", engine: "m 1" }, { locks, clock });
    locks.free(OWNER);
    const answer = engine.run(x(3), ["y:0"]);
    (await worker.engine.computation(0)).answer(7);
    expect(first(await answer)).toBe(7);
    expect(clock.sleepers).toBe(0);
  });

  test.each(["m 2", ""])("ends where the next one wants another model, %j", async (engine) => {
    const { adopt, ended } = await orphaned();
    await expect(adopt(engine)).rejects.toMatchObject({ code: "WORKER_FAILED" });
    await ended();
  });

  test("ends where the next one gives up", async () => {
    const { adopt, ended } = await orphaned();
    await expect(adopt("m 1", AbortSignal.abort())).rejects.toMatchObject({ code: "CANCELLED" });
    await ended();
  });

  test("ends after a while, unless it was taken over; and begins anew to wait when the next one dies", async () => {
    const { locks, clock, worker, adopt, ended } = await orphaned();
    while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(LIMITS.orphanMs - 1);
    await adopt();
    clock.advance(LIMITS.orphanMs);
    expect(worker.isAlive).toBe(true);
    locks.free(NEXT);
    while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(LIMITS.orphanMs - 1);
    expect(worker.isAlive).toBe(true);
    clock.advance(1);
    await ended();
  });

  test("ends when its engine crashes, with nobody there to hear it", async () => {
    const { clock, worker, ended } = await orphaned();
    while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
    worker.engine.lose(new AshoreError("ENGINE_CRASHED", "The GPU device was lost."));
    await ended();
  });

  test("is of no use to the next one once its engine crashed", async () => {
    const { load, start, locks, clock } = place();
    const worker = start();
    const before = await load({ engine: "m 1" });
    locks.free(OWNER);
    locks.hold(NEXT);
    worker.engine.lose(new AshoreError("ENGINE_CRASHED", "The GPU device was lost."));
    await before.lost.then(() => undefined);
    const { port1, port2 } = new MessageChannel();
    ends.push(() => port1.close());
    worker.serve(port2, NEXT);
    await expect(adoptAtPort(enginePort(port1), { backend: "wasm", engine: "m 1" }, { locks, clock })).rejects.toMatchObject({ code: "WORKER_FAILED" });
  });

  test("ends at once where its model was not loaded yet", async () => {
    const { load, start, locks } = place();
    const worker = start();
    worker.engine.load = () => (locks.free(OWNER), new Promise(() => {}));
    load({ engine: "m 1" }).catch(() => undefined);
    await locks.request(worker.life, { signal: new AbortController().signal }, () => undefined);
    expect(worker.isAlive).toBe(false);
  });
});

describe("giving up", () => {
  test("a request that waits is never computed; one that is computed is not waited for, and those behind it are answered", async () => {
    const { engine, worker } = await loaded();
    const abort = new AbortController();
    const requests = [0, 1, 2, 3, 4].map((value) => engine.run(x(value), ["y:0"], value === 4 ? {} : { signal: abort.signal }));
    const settled = Promise.allSettled(requests);
    const computing = await worker.engine.computation(0);
    abort.abort(new DOMException("too late", "TimeoutError"));
    computing.answer(0);
    const next = await worker.engine.computation(1);
    // 1 was with the worker already, and was dropped there; 2 and 3 never left.
    expect(fed(next.feeds)).toBe(4);
    next.answer(9);
    const results = await settled;
    expect(results.map((result) => (result.status === "fulfilled" ? first(result.value) : (result.reason as AshoreError).code))).toEqual([
      "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", 9,
    ]);
  });

  test("too many requests are refused", async () => {
    const { engine } = await loaded();
    // Two are with the worker.
    const pending = Promise.allSettled(Array.from({ length: LIMITS.queuedRequests + 2 }, () => engine.run(x(1), ["y:0"])));
    await expect(engine.run(x(1), ["y:0"])).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await engine.close();
    await pending;
  });

  test("closing ends the worker, rejects what is pending, and is no loss", async () => {
    const { engine, worker } = await loaded();
    const pending = engine.run(x(1), ["y:0"]);
    await Promise.all([expect(pending).rejects.toMatchObject({ code: "CANCELLED" }), engine.close()]);
    expect(worker.isAlive).toBe(false);
    await engine.close();
    await expect(engine.run(x(1), ["y:0"])).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await Promise.race([engine.lost, Promise.resolve("not lost")])).toBe("not lost");
  });

  test("a load that is aborted ends the worker", async () => {
    const { load, start, locks } = place();
    const worker = start();
    const abort = new AbortController();
    worker.engine.load = () => {
      abort.abort();
      return new Promise(() => {});
    };
    await expect(load({ signal: abort.signal })).rejects.toMatchObject({ code: "CANCELLED" });
    await locks.request(worker.life, { signal: new AbortController().signal }, () => undefined);
    await expect(place().load({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});
