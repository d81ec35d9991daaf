import { describe, expect, test } from "vitest";
import { digestOfHex } from "../../../protocol/digest.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import type { Manifest } from "../../../protocol/manifest.ts";
import { modelName, version, type Version } from "../../../protocol/names.ts";
import { InferenceTime, Manager, type Desired, type Load, type Wanted } from "../../../runtime/activate/index.ts";
import type { RuntimeEvent } from "../../../runtime/ports.ts";
import { nodeClock } from "../../../edge/node-clock.ts";
import { deferred, type Deferred } from "./deferred.ts";
import { fakeEngine, type FakeModel } from "./fake-engine.ts";

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
  readonly loads: { readonly version: Version; readonly end: Deferred<void> }[];
  readonly models: FakeModel[];
  /** Waits until something was told. */
  until(what: string): Promise<void>;
  answered(selector?: { version?: number; label?: string }): number | string;
}

function bench({ beforeLatest = async () => undefined }: { beforeLatest?: (version: Version) => Promise<void> } = {}): Bench {
  const told: string[] = [];
  const failures: string[] = [];
  const loads: Bench["loads"] = [];
  let waiters: (() => void)[] = [];
  const wake = (): void => {
    const waiting = waiters;
    waiters = [];
    for (const waiter of waiting) waiter();
  };
  const engine = fakeEngine();
  const load: Load = async (model, { version: number, digest }, { signal }) => {
    const end = deferred();
    loads.push({ version: number, end });
    signal.addEventListener("abort", () => end.reject(new AshoreError("CANCELLED", "aborted")));
    wake();
    await end.promise;
    const hosted = await engine.load({ graph: new Uint8Array(), index: new Uint8Array(), shards: [] }, { backend: "wasm", signal });
    return { model, version: number, digest, manifest: MANIFEST, backend: "wasm", hosted, time: new InferenceTime(nodeClock) };
  };
  const report = (event: RuntimeEvent): void => {
    if (event.type === "state") told.push(`${event.status.version} ${event.status.state}`);
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
    models: engine.models,
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

describe("failure", () => {
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
    b.loads[2]?.end.resolve();
    await b.until("1 END");
    expect(b.answered({ label: "stable" })).toBe(2);
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
