import { describe, expect, test } from "vitest";
import { digestOfHex } from "../../../protocol/digest.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import type { Backend, Manifest } from "../../../protocol/manifest.ts";
import { modelName, version, type Version } from "../../../protocol/names.ts";
import { InferenceTime, Manager, type Desired, type Load, type Servable, type Wanted } from "../../../runtime/activate/index.ts";
import type { RuntimeEvent } from "../../../runtime/ports.ts";
import { nodeClock } from "../../../edge/node-clock.ts";
import { withServable } from "../../../runtime/predict/with-servable.ts";
import { deferred, type Deferred } from "./deferred.ts";
import { fakeEngine, type FakeEngine, type FakeModel } from "./fake-engine.ts";

const MODEL = modelName("m");
const wanted = (n: number, digest = n): Wanted => ({ version: version(n), digest: digestOfHex(digest.toString(16).padStart(64, "0")) });
const desired = (versions: readonly number[], change: Partial<Desired> = {}): Desired => ({
  aspired: versions.map((n) => wanted(n)),
  blocked: new Set(),
  labels: {},
  latestFloor: 0,
  ...change,
});
const MANIFEST: Manifest = { schemaVersion: 1, model: MODEL, version: version(1), created: "2026-01-01T00:00:00Z", signatureDefs: {}, assets: [], selfTest: null, warmup: [], variants: [] };

interface Bench {
  readonly manager: Manager;
  /** `1 AVAILABLE` and so on, in the order told. */
  readonly told: string[];
  readonly failures: string[];
  /** Loads under way, by version, in the order begun; each ends when it is resolved or rejected. */
  readonly loads: { readonly version: Version; readonly avoid: Backend | undefined; readonly end: Deferred<void> }[];
  readonly engine: FakeEngine;
  readonly models: FakeModel[];
  /** Told with AVAILABLE. */
  readonly backends: (Backend | undefined)[];
  /** Waits until something was told. */
  until(what: string): Promise<void>;
  answered(selector?: { version?: number; label?: string }): number | string;
}

function bench({ beforeLatest = async () => undefined }: { beforeLatest?: (version: Version) => Promise<void> } = {}): Bench {
  const told: string[] = [];
  const failures: string[] = [];
  const backends: Bench["backends"] = [];
  const loads: Bench["loads"] = [];
  let waiters: (() => void)[] = [];
  const wake = (): void => {
    const waiting = waiters;
    waiters = [];
    for (const waiter of waiting) waiter();
  };
  const engine = fakeEngine();
  const load: Load = async (model, { version: number, digest }, { signal, avoid }) => {
    const end = deferred();
    loads.push({ version: number, avoid, end });
    signal.addEventListener("abort", () => end.reject(new AshoreError("CANCELLED", "aborted")));
    wake();
    await end.promise;
    const hosted = await engine.load({ graph: new Uint8Array(), index: new Uint8Array(), shards: [] }, { backend: "wasm", signal });
    return { model, version: number, digest, manifest: MANIFEST, backend: "wasm", hosted, time: new InferenceTime(nodeClock) };
  };
  const report = (event: RuntimeEvent): void => {
    if (event.type === "state") told.push(`${event.status.version} ${event.status.state}`);
    if (event.type === "state" && event.status.state === "AVAILABLE") backends.push(event.backend);
    wake();
  };
  const manager = new Manager({
    load,
    clock: nodeClock,
    report,
    beforeLatest: (_, number) => beforeLatest(number),
    onFailed: (_, one, error) => failures.push(`${one.version} ${error.code}`),
  });
  return {
    manager,
    told,
    failures,
    loads,
    engine,
    models: engine.models,
    backends,
    until: async (what) => {
      while (!told.includes(what)) await new Promise<void>((resolve) => waiters.push(resolve));
    },
    answered: (selector = {}) => {
      try {
        const handle = manager.acquire("m", selector);
        handle.release();
        return handle.servable.version;
      } catch (thrown) {
        return (thrown as AshoreError).code;
      }
    },
  };
}

describe("states and their order", () => {
  test("a version goes START, LOADING, AVAILABLE, and answers by the time that AVAILABLE is told", async () => {
    const b = bench();
    let answeredWhenTold: unknown;
    b.manager.setAspired(MODEL, desired([1]));
    expect(b.answered()).toBe("UNAVAILABLE");
    const watching = b.until("1 AVAILABLE").then(() => (answeredWhenTold = b.answered()));
    b.loads[0]?.end.resolve();
    await watching;
    expect(answeredWhenTold).toBe(1);
    expect(b.told).toEqual(["1 START", "1 LOADING", "1 AVAILABLE"]);
  });

  test("the old version goes UNLOADING only after the new one is AVAILABLE", async () => {
    const b = await serving(1);
    b.manager.setAspired(MODEL, desired([2]));
    expect(b.answered()).toBe(1);
    b.loads[1]?.end.resolve();
    await b.until("1 END");
    expect(b.told.slice(3)).toEqual(["2 START", "2 LOADING", "2 AVAILABLE", "1 UNLOADING", "1 END"]);
    expect(b.answered()).toBe(2);
    expect(b.answered({ version: 1 })).toBe("NOT_FOUND");
  });

  test("what must be durable is awaited before a version answers", async () => {
    const durable = deferred();
    const asked = deferred<Version>();
    const b = bench({
      beforeLatest: async (number) => {
        asked.resolve(number);
        await durable.promise;
      },
    });
    b.manager.setAspired(MODEL, desired([3]));
    b.loads[0]?.end.resolve();
    expect(await asked.promise).toBe(3);
    expect(b.answered()).toBe("UNAVAILABLE");
    durable.resolve();
    await b.until("3 AVAILABLE");
    expect(b.answered()).toBe(3);
  });
});

describe("handles", () => {
  test("a version is unloaded after its last request, not before, and takes no new ones meanwhile", async () => {
    const b = await serving(1);
    const first = b.manager.acquire("m", {});
    const second = b.manager.acquire("m", {});
    b.manager.setAspired(MODEL, desired([2]));
    b.loads[1]?.end.resolve();
    await b.until("1 UNLOADING");
    expect(b.answered()).toBe(2);
    first.release();
    expect(b.models[0]?.closed).toBe(false);
    expect(second.servable.version).toBe(1);
    second.release();
    await b.until("1 END");
    expect(b.models[0]?.closed).toBe(true);
  });

  test("closing waits for requests under way, until it is cut off", async () => {
    const b = await serving(1);
    const handle = b.manager.acquire("m", {});
    const cutOff = new AbortController();
    const closed = b.manager.close(cutOff.signal);
    await b.until("1 UNLOADING");
    expect(b.models[0]?.closed).toBe(false);
    cutOff.abort();
    await closed;
    expect(b.models[0]?.closed).toBe(true);
    handle.release();
  });
});

describe("another engine under a version that answers", () => {
  /** Loaded beside, as an improvement does. */
  async function beside(b: Bench, before: Servable): Promise<Servable> {
    const hosted = await b.engine.load({ graph: new Uint8Array(), index: new Uint8Array(), shards: [] }, { backend: "webgpu" });
    return { ...before, backend: "webgpu", hosted };
  }
  function current(b: Bench): Servable {
    const handle = b.manager.acquire("m", {});
    handle.release();
    return handle.servable;
  }

  test("new requests go to it, those under way end where they began, and the old engine closes after the last", async () => {
    const b = await serving(1);
    const before = current(b);
    const first = b.manager.acquire("m", {});
    const second = b.manager.acquire("m", {});
    const after = await beside(b, before);
    expect(b.manager.replace(before, after)).toBe(true);
    expect(current(b)).toBe(after);
    expect(first.servable).toBe(before);
    first.release();
    await Promise.resolve();
    expect(b.models[0]?.closed).toBe(false);
    second.release();
    await b.manager.settled();
    await new Promise((resolve) => setImmediate(resolve));
    expect(b.models.map(({ closed }) => closed)).toEqual([true, false]);
    expect(b.told).toEqual(["1 START", "1 LOADING", "1 AVAILABLE", "1 AVAILABLE"]);
    expect(b.backends).toEqual(["wasm", "webgpu"]);
  });

  test("the death of the old engine is not the version's", async () => {
    const b = await serving(1);
    const before = current(b);
    const handle = b.manager.acquire("m", {});
    const after = await beside(b, before);
    b.manager.replace(before, after);
    b.models[0]?.die();
    b.manager.crashed(before, new AshoreError("ENGINE_CRASHED", "seen by a request"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(current(b)).toBe(after);
    handle.release();
  });

  test("who works on an engine beside the requests hears when it is not the one that answers any more", async () => {
    const b = await serving(1);
    const [first, before] = [b.manager.latestLoaded("m"), current(b)];
    b.manager.replace(before, await beside(b, before));
    const second = b.manager.latestLoaded("m");
    expect([first?.gone.aborted, second?.gone.aborted]).toEqual([true, false]);
    b.models[1]?.die();
    await b.until("1 END");
    expect(second?.gone.aborted).toBe(true);
  });

  test("the death of the new one is", async () => {
    const b = await serving(1);
    const before = current(b);
    b.manager.replace(before, await beside(b, before));
    b.models[1]?.die();
    await b.until("1 END");
  });

  test("a version that is lost, blocked or not wanted any more gets no other engine", async () => {
    const lost = await serving(1);
    const before = current(lost);
    lost.models[0]?.die();
    await lost.until("1 END");
    expect(lost.manager.replace(before, await beside(lost, before))).toBe(false);

    const blocked = await serving(1);
    const gone = current(blocked);
    blocked.manager.setAspired(MODEL, desired([], { blocked: new Set([wanted(1).digest]) }));
    expect(blocked.manager.replace(gone, await beside(blocked, gone))).toBe(false);

    const superseded = await serving(1);
    const old = current(superseded);
    superseded.manager.setAspired(MODEL, desired([2]));
    expect(superseded.manager.replace(old, await beside(superseded, old))).toBe(false);
  });

  test("a version is unloaded only when the engines that it had before are closed too", async () => {
    const b = await serving(1);
    const before = current(b);
    const handle = b.manager.acquire("m", {});
    b.manager.replace(before, await beside(b, before));
    b.manager.setAspired(MODEL, desired([]));
    await b.until("1 UNLOADING");
    await new Promise((resolve) => setImmediate(resolve));
    expect(b.told).not.toContain("1 END");
    handle.release();
    await b.until("1 END");
    expect(b.models.every(({ closed }) => closed)).toBe(true);
  });
});

describe("removal", () => {
  test("a removed model is unknown at once, its requests end, and it is known again when it is tracked", async () => {
    const b = await serving(1);
    const handle = b.manager.acquire("m", {});
    const removed = b.manager.remove(MODEL, new AbortController().signal);
    expect(b.answered()).toBe("NOT_FOUND");
    expect(b.manager.names()).toEqual([]);
    expect(b.models[0]?.closed).toBe(false);
    handle.release();
    await removed;
    expect(b.models[0]?.closed).toBe(true);
    b.manager.track(MODEL);
    expect(b.answered()).toBe("UNAVAILABLE");
  });
});

describe("failure", () => {
  test("an engine that dies twice in a row is loaded with its backend avoided", async () => {
    const b = await serving(1);
    for (const avoid of [undefined, "wasm"]) {
      b.models.at(-1)?.die();
      const count = b.loads.length;
      while (b.loads.length === count) await new Promise((resolve) => setImmediate(resolve));
      expect(b.loads.at(-1)?.avoid).toBe(avoid);
      b.loads.at(-1)?.end.resolve();
      await b.manager.settled();
    }
  });

  test("an engine that goes with its tab, however often, is loaded again at once on its backend, and requests wait for it", async () => {
    const b = await serving(1);
    for (let times = 0; times < 3; times++) {
      b.models.at(-1)?.die("ENGINE_GONE");
      await b.until("1 END");
      const answer = withServable(b.manager, "m", {}, async ({ hosted }) => hosted);
      const count = times + 2;
      while (b.loads.length < count) await new Promise((resolve) => setImmediate(resolve));
      expect(b.loads.at(-1)?.avoid).toBeUndefined();
      b.loads.at(-1)?.end.resolve();
      expect(await answer).toBe(b.models.at(-1));
      b.told.length = 0;
    }
    expect(b.failures).toEqual([]);
  });

  test("while a crashed engine is loaded again, or one that went cannot be, requests are refused", async () => {
    const b = await serving(1);
    b.models[0]?.die();
    await b.until("1 END");
    await expect(withServable(b.manager, "m", {}, async () => "answer")).rejects.toMatchObject({ code: "UNAVAILABLE" });

    const gone = await serving(1);
    gone.models[0]?.die("ENGINE_GONE");
    while (gone.loads.length < 2) await new Promise((resolve) => setImmediate(resolve));
    gone.loads[1]?.end.reject(new AshoreError("NETWORK_FAILED", "no blob"));
    await expect(withServable(gone.manager, "m", {}, async () => "answer")).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  test("a new version that fails stays END with its error, and the old one goes on", async () => {
    const b = await serving(1);
    b.manager.setAspired(MODEL, desired([2]));
    b.loads[1]?.end.reject(new AshoreError("SELF_TEST_FAILED", "wrong numbers"));
    await b.until("2 END");
    expect(b.failures).toEqual(["2 SELF_TEST_FAILED"]);
    expect(b.answered()).toBe(1);
    expect(b.manager.status("m")).toEqual([
      { version: 2, state: "END", error: { code: "SELF_TEST_FAILED", message: "wrong numbers" } },
      { version: 1, state: "AVAILABLE" },
    ]);
  });

  test("a load that is not wanted any more ends without an error", async () => {
    const b = await serving(1);
    b.manager.setAspired(MODEL, desired([2]));
    b.manager.setAspired(MODEL, desired([1]));
    await b.until("2 END");
    expect(b.manager.status("m")).toEqual([{ version: 2, state: "END" }, { version: 1, state: "AVAILABLE" }]);
  });

  test("where every version failed, a request is told that there is none", async () => {
    const b = bench();
    b.manager.setAspired(MODEL, desired([1]));
    b.loads[0]?.end.reject(new AshoreError("MODEL_UNSUPPORTED_OP", "no such op"));
    await b.until("1 END");
    b.manager.setAspired(MODEL, desired([]));
    expect(b.answered()).toBe("NOT_FOUND");
  });

  test("an engine that dies is loaded again, and who waits gets the reloaded version", async () => {
    const b = await serving(1);
    b.models[0]?.die();
    await b.until("1 END");
    const waiting = b.manager.available("m", {});
    while (b.loads.length < 2) await new Promise((resolve) => setImmediate(resolve));
    b.loads[1]?.end.resolve();
    const handle = await waiting;
    expect(handle.servable.hosted).toBe(b.models[1]);
    handle.release();
    expect(b.told).toEqual(["1 START", "1 LOADING", "1 AVAILABLE", "1 END", "1 START", "1 LOADING", "1 AVAILABLE"]);
  });

  test("a dead version that is not wanted any more stays dead", async () => {
    const b = await serving(1);
    b.manager.setAspired(MODEL, desired([2]));
    b.models[0]?.die();
    await b.until("1 END");
    b.loads[1]?.end.resolve();
    await b.until("2 AVAILABLE");
    expect(b.loads.map((load) => load.version)).toEqual([1, 2]);
  });
});

describe("what a request gets", () => {
  test("the latest, a number, a label, or TensorFlow Serving's refusal", async () => {
    const b = await serving(1, 2);
    b.manager.setAspired(MODEL, desired([1, 2], { labels: { stable: version(1) } }));
    b.manager.complete();
    expect([b.answered(), b.answered({ version: 1 }), b.answered({ label: "stable" })]).toEqual([2, 1, 1]);
    expect(() => b.manager.acquire("m", { label: "canary" })).toThrow("Unrecognized servable version label: canary");
    expect(() => b.manager.acquire("m", { version: 7 })).toThrow("Servable not found for request: Specific(m, 7)");
    expect(() => b.manager.acquire("n", {})).toThrow("Servable not found for request: Latest(n)");
    expect(() => b.manager.acquire("m", { version: 2n ** 60n })).toThrow("Servable not found for request: Specific(m, 1152921504606846976)");
  });

  test("before the list of models is known, an unknown model is not here yet, and its labels are not set", () => {
    const b = bench();
    expect(b.answered()).toBe("UNAVAILABLE");
    expect(() => b.manager.acquire("m", { label: "x" })).toThrow("Model labels does not init yet.x");
  });

  test("a label moves when the version that it moves to can answer", async () => {
    const b = await serving(1, 3);
    b.manager.setAspired(MODEL, desired([1, 3], { labels: { stable: version(1) } }));
    b.manager.setAspired(MODEL, desired([2, 3], { labels: { stable: version(2) } }));
    expect(b.answered({ label: "stable" })).toBe(1);
    expect(b.manager.labels(MODEL)).toEqual({ stable: 1 });
    b.loads[2]?.end.resolve();
    await b.until("1 END");
    expect(b.answered({ label: "stable" })).toBe(2);
    expect(b.manager.labels(MODEL)).toEqual({ stable: 2 });
  });

  test("what the publisher serves nothing of is not here, where what is still to come may be soon", async () => {
    const b = await serving(1);
    b.manager.setAspired(MODEL, desired([]));
    await b.until("1 END");
    expect(b.answered()).toBe("UNAVAILABLE");
    b.manager.setAspired(MODEL, desired([], { nothing: true }));
    expect(() => b.manager.acquire("m", {})).toThrow("Servable not found for request: Latest(m)");
    b.manager.setAspired(MODEL, desired([2]));
    expect(b.answered()).toBe("UNAVAILABLE");
  });

  test("a blocked version is unloaded at once, and until another can answer requests are told so", async () => {
    const b = await serving(2);
    b.manager.setAspired(MODEL, desired([1], { blocked: new Set([wanted(2).digest]) }));
    expect(b.answered()).toBe("VERSION_BLOCKED");
    expect(b.answered({ version: 2 })).toBe("VERSION_BLOCKED");
    await b.until("2 END");
    b.loads[1]?.end.resolve();
    await b.until("1 AVAILABLE");
    expect(b.answered()).toBe(1);
  });

  test("a request without a version never gets one below the floor", async () => {
    const b = bench();
    b.manager.setAspired(MODEL, desired([2, 1], { latestFloor: 2 }));
    b.loads[0]?.end.reject(new AshoreError("STORE_FAILED", "the disk hung"));
    await b.until("2 END");
    b.loads[1]?.end.resolve();
    await b.until("1 AVAILABLE");
    expect([b.answered(), b.answered({ version: 1 })]).toEqual(["UNAVAILABLE", 1]);
  });

  test("the same number under another digest replaces what had it", async () => {
    const b = await serving(1);
    b.manager.setAspired(MODEL, { ...desired([]), aspired: [wanted(1, 99)] });
    while (b.loads.length < 2) await new Promise((resolve) => setImmediate(resolve));
    b.loads[1]?.end.resolve();
    await b.manager.settled();
    const handle = b.manager.acquire("m", {});
    expect(handle.servable.digest).toBe(wanted(1, 99).digest);
    handle.release();
  });
});

async function serving(...versions: readonly number[]): Promise<Bench> {
  const b = bench();
  b.manager.setAspired(MODEL, desired(versions));
  for (let at = 0; at < versions.length; at++) {
    while (b.loads.length <= at) await new Promise((resolve) => setImmediate(resolve));
    b.loads[at]?.end.resolve();
  }
  for (const number of versions) await b.until(`${number} AVAILABLE`);
  return b;
}
