import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createInProcessEngineHost } from "../../../engine/in-process-host.ts";
import { digestOfHex } from "../../../protocol/digest.ts";
import type { Backend } from "../../../protocol/manifest.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { EngineHost, HostedModel, Journal } from "../../../runtime/ports.ts";
import { changeServing } from "../../../sync-server/publish/index.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { startPublishing, type Publishing } from "../../support/publishing.ts";
import { deferred } from "../activate/deferred.ts";
import { emptyDisk, testDevice, testServer, type Device, type Disk, type TestServer } from "./device.ts";

const LINE = modelName("line");
const CURVE = modelName("curve");
let publishing: Publishing;
let server: TestServer;
const devices: Device[] = [];

/** A host that times the looks for news itself, as a service worker does. */
async function hosted(disk: Disk, options: Parameters<typeof testDevice>[2] = {}): Promise<Device> {
  const device = await testDevice(server, disk, { polling: "host", warmUp: "unproved", ...options });
  devices.push(device);
  return device;
}

/** A disk on which both models are held and have served. */
async function filledDisk(): Promise<Disk> {
  const disk = emptyDisk();
  const device = await hosted(disk);
  await device.runtime.start();
  await device.runtime.sync();
  await device.runtime.settled();
  await device.runtime.close();
  server.asked.length = 0;
  return disk;
}

async function block(isBlocked: boolean): Promise<void> {
  const { manifest } = await publishing.publish("line", 1);
  const blocked = isBlocked ? [digestOfHex(manifest.sha256)] : [];
  await changeServing(publishing.ports, LINE, ({ record }) => (record === undefined ? undefined : { record: { ...record, config: { ...record.config, blocked } } }));
}

const names = ({ runtime }: Device): string[] => runtime.models().map(({ name }) => name).sort();
const heldIn = async ({ journal }: Disk): Promise<string[]> => Object.keys((await journal.read())?.models ?? {}).sort();
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeAll(async () => {
  publishing = await startPublishing();
  // y = x + 1, and y = 3 x.
  await writeLinearModel(publishing.folder("line/1"), 1, 1);
  await publishing.publish("line", 1);
  await writeLinearModel(publishing.folder("curve/1"), 3, 0);
  await publishing.publish("curve", 1);
  server = testServer(publishing);
});
afterAll(() => publishing.close());
afterEach(async () => {
  server.online = true;
  for (const one of devices.splice(0)) await one.runtime.close();
});

describe("a host with timers of its own", () => {
  test("starts without network, and looks for news when it says so", async () => {
    const d = await hosted(emptyDisk(), { pollSeconds: 30 });
    server.asked.length = 0;
    await d.runtime.start();
    expect([server.asked, d.runtime.syncing(), d.runtime.syncedAt(), d.runtime.pollSeconds()]).toEqual([[], undefined, undefined, 30]);
    const began = Date.now();
    const looking = d.runtime.sync();
    expect(d.runtime.syncing()).toBeInstanceOf(Promise);
    await looking;
    expect(d.runtime.syncing()).toBeUndefined();
    expect(d.runtime.syncedAt()).toBeGreaterThanOrEqual(began);
    await d.runtime.settled();
    expect(d.runtime.models().find(({ name }) => name === "line")).toEqual({ name: "line", latest: 1, versions: [{ version: 1, state: "AVAILABLE" }] });
  });

  test("a look that fails leaves the time of the last that did not, and rejects for who listens", async () => {
    const d = await hosted(emptyDisk());
    await d.runtime.sync();
    const before = d.runtime.syncedAt();
    server.online = false;
    d.runtime.sync().catch(() => undefined);
    await expect(d.runtime.syncing()).rejects.toMatchObject({ code: "NETWORK_FAILED" });
    expect(d.runtime.syncedAt()).toBe(before);
  });

  test("a request need not wait for the start, only for its own model", async () => {
    const disk = await filledDisk();
    server.online = false;
    const inner = createInProcessEngineHost({ backends: ["cpu"] });
    const gate = deferred();
    const engine: EngineHost = {
      backends: inner.backends,
      load: async (bytes, options) => {
        if (options.servable?.model === "curve") await gate.promise;
        return await inner.load(bytes, options);
      },
      close: () => inner.close(),
    };
    const d = await hosted(disk, { engine });
    let isStarted = false;
    const started = d.runtime.start().then(() => (isStarted = true));
    expect((await d.runtime.predict({ model: "line", inputs: { x: [41] } })).outputs["y"]?.data).toEqual(Float32Array.of(42));
    expect(await d.ask(1)).toMatchObject({ status: 200, y: 2 });
    expect(await d.ask(1, "/v1/models/nosuch:predict")).toMatchObject({ status: 404 });
    expect(isStarted).toBe(false);
    const waiting = d.ask(5, "/v1/models/curve:predict");
    gate.resolve();
    expect(await waiting).toMatchObject({ status: 200, y: 15 });
    await started;
  });

  test("is proved no second time, and its first request is the first inference", async () => {
    const disk = await filledDisk();
    const d = await hosted(disk);
    await d.runtime.start();
    expect(d.events.flatMap((event) => (event.type === "progress" ? [event.phase] : []))).toEqual(["load", "load"]);
    expect(await d.ask(1)).toMatchObject({ y: 2 });
  });

  test("the backend that served is started before anything is read", async () => {
    const disk = await filledDisk();
    const inner = createInProcessEngineHost({ backends: ["wasm", "cpu"] });
    const steps: string[] = [];
    const engine: EngineHost = {
      backends: inner.backends,
      prepare: async (backend) => void steps.push(`prepare ${backend}`),
      load: (bytes, options) => inner.load(bytes, options),
      close: () => inner.close(),
    };
    const get: Disk["blobs"]["get"] = (digest, options) => {
      steps.push("read");
      return disk.blobs.get(digest, options);
    };
    const d = await hosted({ ...disk, blobs: { ...disk.blobs, get } }, { engine });
    await d.runtime.start();
    expect(steps.slice(0, 2)).toEqual(["prepare cpu", "read"]);
  });

  test("what the metadata forbids does not answer, though it was loaded beside it", async () => {
    const disk = await filledDisk();
    const before = await disk.journal.read();
    await block(true);
    const first = await hosted({ ...disk, blobs: { ...disk.blobs, delete: async () => undefined } });
    await first.runtime.sync();
    await first.runtime.close();
    await block(false);
    // As if it had been stopped before it let go of the version.
    const after = await disk.journal.read();
    const { held, served } = before?.models[LINE] ?? {};
    await disk.journal.write({ ...after, models: { ...after?.models, [LINE]: { ...after?.models[LINE], held, served } } } as Journal);
    server.online = false;
    const inner = createInProcessEngineHost({ backends: ["cpu"] });
    const loaded: string[] = [];
    let closed = 0;
    const engine: EngineHost = {
      backends: inner.backends,
      load: async (bytes, options) => {
        const model = await inner.load(bytes, options);
        loaded.push(String(options.servable?.model));
        return { backend: model.backend, lost: model.lost, run: (...args) => model.run(...args), close: () => (closed++, model.close()) };
      },
      close: () => inner.close(),
    };
    const d = await hosted(disk, { engine });
    await d.runtime.start();
    expect(await d.ask(1)).toMatchObject({ status: 503 });
    expect(d.runtime.status("line")).toEqual([]);
    expect([loaded.sort(), closed]).toEqual([["curve", "line"], 1]);
  });

  test("stored metadata that is damaged stops nothing that is held", async () => {
    const disk = await filledDisk();
    const damaged: Disk["metadata"] = { ...disk.metadata, read: async (name, options) => (name.includes("targets") ? new Uint8Array(8) : await disk.metadata.read(name, options)) };
    server.online = false;
    const d = await hosted({ ...disk, metadata: damaged });
    await d.runtime.start();
    expect(await d.ask(1)).toMatchObject({ status: 200, y: 2 });
    expect(d.events.some(({ type }) => type === "problem")).toBe(true);
  });
});

describe("the models of a device", () => {
  test("are a union of what was asked for; what is stored answers at once, the rest after the next look", async () => {
    const d = await hosted(await filledDisk(), { models: [] });
    await d.runtime.start();
    expect(await d.ask(1)).toMatchObject({ status: 404 });
    d.runtime.want([LINE]);
    expect(await d.ask(1)).toMatchObject({ status: 200, y: 2 });
    expect(server.asked).toEqual([]);
    d.runtime.want([CURVE]);
    await d.runtime.settled();
    expect(names(d)).toEqual(["curve", "line"]);

    const empty = await hosted(emptyDisk(), { models: [] });
    await empty.runtime.start();
    empty.runtime.want([CURVE]);
    await empty.runtime.settled();
    expect(await empty.ask(5, "/v1/models/curve:predict")).toMatchObject({ status: 503 });
    await empty.runtime.sync();
    await empty.runtime.settled();
    expect(await empty.ask(5, "/v1/models/curve:predict")).toMatchObject({ status: 200, y: 15 });
    expect(await empty.ask(5)).toMatchObject({ status: 404 });
  });

  test("with timers of its own, the runtime looks as soon as it is told of one", async () => {
    const d = await hosted(emptyDisk(), { models: [LINE], polling: "own" });
    await d.runtime.start();
    d.runtime.want([CURVE]);
    await d.until((event) => event.type === "state" && event.model === "curve" && event.status.state === "AVAILABLE");
  });

  test("are listed with what they take", async () => {
    const disk = await filledDisk();
    const d = await hosted(disk);
    const stored = await d.runtime.stored();
    const total = (await disk.blobs.list()).reduce((sum, { size }) => sum + size, 0);
    expect(stored.map(({ name, versions }) => [name, versions.map((one) => one.version)])).toEqual([["curve", [1]], ["line", [1]]]);
    for (const { bytes, versions } of stored) {
      expect(bytes).toBeGreaterThan(0);
      expect(versions[0]?.bytes).toBeGreaterThan(0);
    }
    // The two models share a graph; what one alone needs goes with it.
    const [curve] = stored;
    await d.runtime.remove(CURVE);
    const left = (await disk.blobs.list()).reduce((sum, { size }) => sum + size, 0);
    expect(total - left).toBe(curve?.bytes);
  });

  test("a removed one is gone from engine, journal and store, and no look brings it back until it is named", async () => {
    const disk = await filledDisk();
    const d = await hosted(disk);
    await d.runtime.start();
    await d.runtime.remove(LINE);
    expect([await heldIn(disk), names(d), await d.ask(1)]).toMatchObject([["curve"], ["curve"], { status: 404 }]);
    expect(await d.ask(5, "/v1/models/curve:predict")).toMatchObject({ status: 200, y: 15 });
    await d.runtime.sync();
    d.runtime.want("all");
    await d.runtime.sync();
    expect([await heldIn(disk), names(d), await d.ask(1)]).toMatchObject([["curve"], ["curve"], { status: 404 }]);
    d.runtime.want([LINE]);
    await d.runtime.sync();
    await d.runtime.settled();
    expect(await d.ask(1)).toMatchObject({ status: 200, y: 2 });
    expect(await heldIn(disk)).toEqual(["curve", "line"]);
  });

  test("requests under way end, and the engine is closed after them", async () => {
    const inner = createInProcessEngineHost({ backends: ["cpu"] });
    const gate = deferred();
    const asked = deferred();
    const engine: EngineHost = {
      backends: inner.backends,
      load: async (bytes, options) => {
        const model = await inner.load(bytes, options);
        return {
          backend: model.backend,
          lost: model.lost,
          close: () => model.close(),
          run: async (...args) => {
            asked.resolve();
            await gate.promise;
            return await model.run(...args);
          },
        };
      },
      close: () => inner.close(),
    };
    const d = await hosted(await filledDisk(), { engine });
    await d.runtime.start();
    const request = d.ask(1);
    await asked.promise;
    const removing = d.runtime.remove(LINE);
    expect(await d.ask(1)).toMatchObject({ status: 404 });
    gate.resolve();
    expect(await request).toMatchObject({ status: 200, y: 2 });
    await removing;
    expect(d.states.at(-1)).toBe("1 END");
  });

  test("a removal in the middle of a start leaves nothing of the model", async () => {
    const disk = await filledDisk();
    const reading = deferred();
    const get: Disk["blobs"]["get"] = async (digest, options) => {
      reading.resolve();
      await turn();
      return await disk.blobs.get(digest, options);
    };
    const d = await hosted({ ...disk, blobs: { ...disk.blobs, get } });
    const starting = d.runtime.start();
    await reading.promise;
    await d.runtime.remove(LINE);
    await starting;
    expect([await heldIn(disk), names(d), await d.ask(1)]).toMatchObject([["curve"], ["curve"], { status: 404 }]);
    expect(d.events.filter(({ type }) => type === "problem")).toEqual([]);
  });

  test("a removal between the last byte and the commit record does too", async () => {
    const disk = emptyDisk();
    const committing = deferred();
    const gate = deferred();
    const has: Disk["blobs"]["has"] = async (digest) => {
      committing.resolve();
      await gate.promise;
      return await disk.blobs.has(digest);
    };
    const d = await hosted({ ...disk, blobs: { ...disk.blobs, has } }, { models: [LINE] });
    await d.runtime.start();
    const looking = d.runtime.sync();
    await committing.promise;
    await d.runtime.remove(LINE);
    gate.resolve();
    await looking;
    await turn();
    expect([await heldIn(disk), names(d)]).toEqual([[], []]);
  });

  test("a removal ends the download under way, and what it brought does not count", async () => {
    const disk = emptyDisk();
    const asked = deferred();
    const d = await hosted(
      { ...disk, blobs: { ...disk.blobs, put: async (digest, bytes, options) => (bytes.byteLength <= 8 ? (asked.resolve(), await aborted(options?.signal)) : await disk.blobs.put(digest, bytes, options)) } },
      { models: [LINE] },
    );
    await d.runtime.start();
    const looking = d.runtime.sync();
    await asked.promise;
    await d.runtime.remove(LINE);
    await looking;
    await turn();
    expect([await heldIn(disk), await disk.blobs.list(), names(d)]).toEqual([[], [], []]);
    expect(d.events.filter(({ type }) => type === "problem")).toEqual([]);
  });

  test("a model that is named again while it is being removed comes back, whole, when it is gone", async () => {
    const inner = createInProcessEngineHost({ backends: ["cpu"] });
    const gate = deferred();
    const asked = deferred();
    const engine: EngineHost = {
      backends: inner.backends,
      load: async (bytes, options) => {
        const model = await inner.load(bytes, options);
        const run: HostedModel["run"] = async (...args) => {
          asked.resolve();
          await gate.promise;
          return await model.run(...args);
        };
        return { backend: model.backend, lost: model.lost, close: () => model.close(), run };
      },
      close: () => inner.close(),
    };
    const disk = await filledDisk();
    const d = await hosted(disk, { engine, models: [LINE] });
    await d.runtime.start();
    const request = d.ask(1);
    await asked.promise;
    const removing = d.runtime.remove(LINE);
    d.runtime.want([LINE]);
    const looking = d.runtime.sync();
    await turn();
    expect(names(d)).toEqual([]);
    gate.resolve();
    await Promise.all([request, removing, looking]);
    await d.runtime.settled();
    expect(await d.ask(1)).toMatchObject({ status: 200, y: 2 });
    expect(await heldIn(disk)).toContain("line");
  });

  test("a process that is told to hold it again has it again", async () => {
    const disk = await filledDisk();
    const d = await hosted(disk);
    await d.runtime.start();
    await d.runtime.remove(LINE);
    await d.runtime.close();
    const again = await hosted(disk);
    await again.runtime.remove(LINE);
    await again.runtime.start();
    await again.runtime.sync();
    expect(names(again)).toEqual(["curve"]);
    await again.runtime.close();
    const forgetful = await hosted(disk);
    await forgetful.runtime.sync();
    expect(names(forgetful)).toEqual(["curve", "line"]);
  });
});

describe("what an inference takes", () => {
  test("is learned from requests, remembered, and told to the engine when the version is loaded again", async () => {
    const disk = await filledDisk();
    const d = await hosted(disk);
    await d.runtime.start();
    await d.ask(1);
    expect((await disk.journal.read())?.models[LINE]?.held[0]?.inferenceMs).toBeUndefined();
    await d.ask(1);
    while ((await disk.journal.read())?.models[LINE]?.held[0]?.inferenceMs === undefined) await turn();
    const known = (await disk.journal.read())?.models[LINE]?.held[0]?.inferenceMs?.cpu;
    expect(known).toEqual(expect.any(Number));
    await d.runtime.close();
    const inner = createInProcessEngineHost({ backends: ["cpu"] });
    const told: unknown[] = [];
    const again = await hosted(disk, { engine: { backends: inner.backends, load: (bytes, options) => (told.push([options.servable?.model, options.servable?.inferenceMs]), inner.load(bytes, options)), close: () => inner.close() } });
    await again.runtime.start();
    expect(told).toContainEqual(["line", known]);
  });

  test("a faster backend takes over, and is where the version starts the next time", async () => {
    const disk = await filledDisk();
    const d = await hosted(disk, { engine: unequal(), models: [LINE] });
    await d.runtime.start();
    expect((await d.runtime.predict({ model: "line", inputs: { x: [1] } })).backend).toBe("wasm");
    await d.runtime.improve();
    expect(await d.runtime.predict({ model: "line", inputs: { x: [1] } })).toMatchObject({ backend: "webgpu", version: version(1), outputs: { y: { data: Float32Array.of(2) } } });
    while ((await disk.journal.read())?.models[LINE]?.held[0]?.proved !== "webgpu") await turn();
    await d.runtime.close();
    const again = await hosted(disk, { engine: unequal(), models: [LINE] });
    await again.runtime.start();
    expect((await again.runtime.predict({ model: "line", inputs: { x: [1] } })).backend).toBe("webgpu");
  });
});

async function aborted(signal: AbortSignal | undefined): Promise<never> {
  return await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true }));
}

/** An engine with two backends, of which the better known is the slower by far. */
function unequal(): EngineHost {
  const inner = createInProcessEngineHost({ backends: ["cpu"] });
  return {
    backends: ["wasm", "webgpu"],
    load: async (bytes, { backend, signal }) => {
      const model = await inner.load(bytes, { backend: "cpu", signal });
      return named(model, backend, backend === "wasm" ? 25 : 0);
    },
    close: () => inner.close(),
  };
}

function named(model: HostedModel, backend: Backend, ms: number): HostedModel {
  return {
    backend,
    lost: model.lost,
    close: () => model.close(),
    run: async (...args) => {
      const answer = await model.run(...args);
      for (const until = performance.now() + ms; performance.now() < until; );
      return answer;
    },
  };
}
