import { MessageChannel } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import type { EngineRequest, LendEngine } from "../../../browser/apart-engine-host.ts";
import { digestOfHex } from "../../../protocol/digest.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { modelName, type Version } from "../../../protocol/names.ts";
import type { LoadOptions } from "../../../runtime/ports.ts";
import { createPlacedEngineHost } from "../../../service-worker/placed-engine-host.ts";
import { linearModel } from "../../support/small-graphs.ts";
import { enginePort, FakeClock, FakeEngine, FakeLocks, FakePageWorker } from "./engine-fakes.ts";

const OWNER = "life of the service worker";
const HEAVY = LIMITS.heavyInferenceMs + 1;
const LINE = { backend: "wasm", servable: { model: modelName("m"), version: 1 as Version, digest: digestOfHex("0".repeat(64)), variant: 0, inferenceMs: HEAVY } } as const;

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** What pages have that outlives a service worker. */
function pagesOf() {
  return { locks: new FakeLocks(), clock: new FakeClock(), workers: [] as FakePageWorker[], lent: new Map<string, FakePageWorker>() };
}

/** A service worker's engine host, and pages that lend it workers as `lend` of a test says. */
function service(prepareWorker?: (worker: FakePageWorker) => void, { locks, clock, workers, lent } = pagesOf(), owner = OWNER) {
  locks.hold(owner);
  const here = new FakeEngine();
  const state = { hasPages: true };
  const asked: EngineRequest[] = [];
  const lend: LendEngine = async (request) => {
    asked.push(request);
    const { engine, isLoaded } = request;
    if (!state.hasPages || (isLoaded && !lent.has(engine))) return undefined;
    const { port1, port2 } = new MessageChannel();
    ends.push(() => port1.close());
    if (isLoaded) lent.get(engine)?.serve(port2, owner);
    else {
      const worker = new FakePageWorker(locks, port2, { owner, clock });
      prepareWorker?.(worker);
      workers.push(worker);
      lent.set(engine, worker);
      ends.push(() => worker.die());
    }
    return enginePort(port1);
  };
  const host = createPlacedEngineHost({ scope: "/app/", here, lend, locks, clock });
  const load = (inferenceMs?: number, signal?: AbortSignal) => host.load(linearModel(2, 1), { ...LINE, servable: { ...LINE.servable, inferenceMs }, signal });
  return { host, here, workers, clock, state, asked, load };
}

/** A service worker that had a heavy model loaded, and was stopped; and the next one. */
async function revived() {
  const pages = pagesOf();
  await service(undefined, pages).load(HEAVY);
  pages.locks.free(OWNER);
  return { ...pages, ...service(undefined, pages, "life of the next service worker") };
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

describe("a service worker that was stopped", () => {
  test("finds its heavy models loaded still, in the workers that pages lent it", async () => {
    const { host, workers, asked } = await revived();
    const model = await host.adopt?.(LINE);
    const answer = model?.run({}, ["y:0"]);
    (await workers[0]?.engine.computation(0))?.answer(7);
    expect((await answer)?.["y:0"]?.data[0]).toBe(7);
    expect(asked.map(({ isLoaded }) => isLoaded)).toEqual([true]);
    expect(workers.map(({ engine }) => engine.loads.length)).toEqual([1]);
    expect(model !== undefined && host.wouldMove?.(model, HEAVY)).toBe(false);
    await model?.close();
    expect(workers[0]?.isAlive).toBe(false);
  });

  test.each<[string, LoadOptions]>([
    ["another version", { ...LINE, servable: { ...LINE.servable, digest: digestOfHex("1".repeat(64)) } }],
    ["another variant", { ...LINE, servable: { ...LINE.servable, variant: 1 } }],
    ["another backend", { ...LINE, backend: "cpu" }],
    ["a light one", { ...LINE, servable: { ...LINE.servable, inferenceMs: LIMITS.heavyInferenceMs } }],
    ["one without a name", { backend: "wasm" }],
  ])("finds nothing loaded for %s, and asks no page for it", async (_, wanted) => {
    const { host, asked } = await revived();
    expect(await host.adopt?.(wanted)).toBeUndefined();
    expect(asked).toEqual([]);
  });

  test("loads anew where the page went meanwhile", async () => {
    const { host, workers, lent, asked, load } = await revived();
    lent.clear();
    expect(await host.adopt?.(LINE)).toBeUndefined();
    workers[0]?.die();
    await load(HEAVY);
    expect(asked.map(({ isLoaded }) => isLoaded)).toEqual([true, false]);
    expect(workers.map(({ isAlive }) => isAlive)).toEqual([false, true]);
  });

  test("loads anew where it gets a worker without the model, as an older page gives it", async () => {
    const { host, locks, clock, lent, workers } = await revived();
    const { port2 } = new MessageChannel();
    const other = new FakePageWorker(locks, port2, { owner: "life of the next service worker", clock });
    ends.push(() => other.die());
    for (const engine of lent.keys()) lent.set(engine, other);
    expect(await host.adopt?.(LINE)).toBeUndefined();
    await locks.request(other.life, { signal: new AbortController().signal }, () => undefined);
    expect(workers.map(({ isAlive }) => isAlive)).toEqual([true]);
  });

  test("does not take from itself what it has loaded", async () => {
    const { host, asked, load } = service();
    await load(HEAVY);
    expect(await host.adopt?.(LINE)).toBeUndefined();
    expect(asked.map(({ isLoaded }) => isLoaded)).toEqual([false]);
  });

  test("gives up when nobody waits any more, and the worker ends", async () => {
    const { host, workers, locks } = await revived();
    await expect(host.adopt?.({ ...LINE, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
    await locks.request(workers[0]?.life ?? "", { signal: new AbortController().signal }, () => undefined);
  });

  test("starts no backend of its own for what computes apart", async () => {
    const prepared: unknown[] = [];
    const { host, here } = service();
    Object.assign(here, { prepare: async (backend: string) => void prepared.push(backend) });
    await host.prepare?.("webgpu", HEAVY);
    await host.prepare?.("wasm", LIMITS.heavyInferenceMs);
    await host.prepare?.("cpu");
    expect(prepared).toEqual(["wasm", "cpu"]);
  });
});
