import { MessageChannel } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import type { LendEngine } from "../../../browser/apart-engine-host.ts";
import { digestOfHex } from "../../../protocol/digest.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { modelName, type Version } from "../../../protocol/names.ts";
import { createPlacedEngineHost } from "../../../service-worker/placed-engine-host.ts";
import { linearModel } from "../../support/small-graphs.ts";
import { enginePort, FakeClock, FakeEngine, FakeLocks, FakePageWorker } from "./engine-fakes.ts";

const OWNER = "life of the service worker";
const HEAVY = LIMITS.heavyInferenceMs + 1;

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A service worker's engine host, and pages that lend it workers as `lend` of a test says. */
function service(prepareWorker?: (worker: FakePageWorker) => void) {
  const locks = new FakeLocks();
  locks.hold(OWNER);
  const clock = new FakeClock();
  const here = new FakeEngine();
  const workers: FakePageWorker[] = [];
  const state = { hasPages: true };
  const lend: LendEngine = async () => {
    if (!state.hasPages) return undefined;
    const { port1, port2 } = new MessageChannel();
    const worker = new FakePageWorker(locks, port2, { owner: OWNER });
    prepareWorker?.(worker);
    workers.push(worker);
    ends.push(() => worker.die(), () => port1.close());
    return enginePort(port1);
  };
  const host = createPlacedEngineHost({ here, lend, locks, clock });
  const load = (inferenceMs?: number, signal?: AbortSignal) =>
    host.load(linearModel(2, 1), {
      backend: "wasm",
      signal,
      servable: { model: modelName("m"), version: 1 as Version, digest: digestOfHex("0".repeat(64)), inferenceMs },
    });
  return { host, here, workers, clock, state, load };
}

describe("where a service worker has a model computed", () => {
  test.each<[string, { readonly inferenceMs?: number; readonly hasPages: boolean }, "here" | "apart"]>([
    ["a light one", { inferenceMs: LIMITS.heavyInferenceMs, hasPages: true }, "here"],
    ["one of which nothing is known", { hasPages: true }, "here"],
    ["a heavy one, with a page", { inferenceMs: HEAVY, hasPages: true }, "apart"],
    ["a heavy one, without a page", { inferenceMs: HEAVY, hasPages: false }, "here"],
  ])("%s", async (_, { inferenceMs, hasPages }, where) => {
    const { here, workers, state, load } = service();
    state.hasPages = hasPages;
    await load(inferenceMs);
    expect([here.loads.length, workers.length]).toEqual(where === "here" ? [1, 0] : [0, 1]);
  });

  test.each<[string, (worker: FakePageWorker) => void]>([
    ["has not the backend", ({ engine }) => (engine.refuse = () => { throw new AshoreError("BACKEND_UNAVAILABLE", "no WebAssembly here"); })],
    ["is of another release", (worker) => worker.worker.fail(new AshoreError("PROTOCOL_MISMATCH", "what is an engine?"))],
    ["dies while it loads", (worker) => (worker.engine.load = () => (worker.die(), new Promise(() => {})))],
  ])("here, with the whole model, where the page's worker %s", async (_, prepareWorker) => {
    const { here, load } = service(prepareWorker);
    const model = await load(HEAVY);
    expect(here.loads.map(({ model: bytes }) => bytes)).toEqual([linearModel(2, 1)]);
    expect(model.backend).toBe("wasm");
  });

  test("nowhere, where the model itself is at fault", async () => {
    const { here, load } = service(({ engine }) => (engine.refuse = () => { throw new AshoreError("MODEL_MALFORMED", "no graph"); }));
    await expect(load(HEAVY)).rejects.toMatchObject({ code: "MODEL_MALFORMED" });
    expect(here.loads).toEqual([]);
  });

  test("nowhere, where the load is aborted", async () => {
    const abort = new AbortController();
    const { here, load } = service(({ engine }) => (engine.load = () => (abort.abort(), new Promise(() => {}))));
    await expect(load(HEAVY, abort.signal)).rejects.toMatchObject({ code: "CANCELLED" });
    expect(here.loads).toEqual([]);
  });

  test("it would move what is computed here and proves heavy, until it is apart", async () => {
    const { host, load } = service();
    const model = await load();
    expect(host.wouldMove?.(model, LIMITS.heavyInferenceMs)).toBe(false);
    expect(host.wouldMove?.(model, HEAVY)).toBe(true);
    expect(host.wouldMove?.(await load(HEAVY), HEAVY)).toBe(false);
  });

  test("it would not move anything where pages twice had no worker to lend, and asks again later", async () => {
    const { host, state, clock, load } = service();
    state.hasPages = false;
    // A tab may have closed just then.
    expect(host.wouldMove?.(await load(HEAVY), HEAVY)).toBe(true);
    const model = await load(HEAVY);
    expect(host.wouldMove?.(model, HEAVY)).toBe(false);
    clock.advance(LIMITS.crashMemoryMs);
    expect(host.wouldMove?.(model, HEAVY)).toBe(true);
    state.hasPages = true;
    await load(HEAVY);
    expect(host.wouldMove?.(model, HEAVY)).toBe(true);
  });

  test("when its tab goes, the model is lost, and finds another page", async () => {
    const { workers, load } = service();
    const model = await load(HEAVY);
    workers[0]?.die();
    expect((await model.lost).code).toBe("ENGINE_GONE");
    await load(HEAVY);
    expect(workers.map(({ isAlive }) => isAlive)).toEqual([false, true]);
  });

  test("closing it ends all workers, and what computes here", async () => {
    const { host, here, workers, load } = service();
    await Promise.all([load(HEAVY), load(HEAVY), load()]);
    await host.close();
    expect(workers.map(({ isAlive }) => isAlive)).toEqual([false, false]);
    expect(here.closed).toBe(true);
  });
});
