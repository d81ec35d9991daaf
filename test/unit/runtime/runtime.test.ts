import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { digestOfHex } from "../../../protocol/digest.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { ServingConfig } from "../../../protocol/serving-config.ts";
import { journalOf } from "../../../runtime/store/index.ts";
import { changeServing, type PublishResult } from "../../../sync-server/publish/index.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { startPublishing, type Publishing } from "../../support/publishing.ts";
import { emptyDisk, testDevice, testServer, unreliableEngine, type Device, type TestServer } from "./device.ts";

const LINE = modelName("line");
let publishing: Publishing;
let server: TestServer;
const devices: Device[] = [];

/** Version n of `line` computes y = x + n. */
async function publish(n: number): Promise<PublishResult> {
  await writeLinearModel(publishing.folder(`line/${n}`), 1, n);
  return await publishing.publish("line", n);
}

async function change(edit: (config: ServingConfig) => ServingConfig): Promise<void> {
  await changeServing(publishing.ports, LINE, ({ record }) => (record === undefined ? undefined : { record: { ...record, config: edit(record.config) } }));
}

async function device(...args: Parameters<typeof testDevice> extends [unknown, ...infer Rest] ? Rest : never): Promise<Device> {
  const made = await testDevice(server, ...args);
  devices.push(made);
  return made;
}

async function started(...args: Parameters<typeof device>): Promise<Device> {
  const made = await device(...args);
  await made.runtime.start();
  return made;
}

beforeAll(async () => {
  publishing = await startPublishing();
});
afterAll(() => publishing.close());
afterEach(async () => {
  server.online = true;
  for (const one of devices.splice(0)) await one.runtime.close();
});

// One repository grows from test to test, so that each begins with what the ones before published.
describe("a device", () => {
  test("with nothing held and no network says 503, and when to come back", async () => {
    server = testServer(publishing);
    server.online = false;
    const d = await started(emptyDisk());
    expect(await d.ask(1)).toMatchObject({ status: 503, version: undefined });
    const response = await d.runtime.handle({ method: "POST", target: "/v1/models/line:predict", body: () => new TextEncoder().encode("{}") });
    expect(response.headers["retry-after"]).toBe("1");
  });

  test("takes the first version in, proves it, and answers", async () => {
    await publish(1);
    server.online = true;
    const d = await started(emptyDisk());
    expect(d.states).toEqual(["1 START", "1 LOADING", "1 AVAILABLE"]);
    expect(await d.ask(40)).toEqual({ status: 200, version: "1", y: 41 });
    const answer = await d.runtime.predict({ model: "line", inputs: { x: [1, 2] } });
    expect(answer).toMatchObject({ version: 1, backend: "cpu", outputs: { y: { dtype: "float32", shape: [2], data: Float32Array.of(2, 3) } } });
  });

  test("rolls over to a new version without a gap, fetching only what is new", async () => {
    const d = await started(emptyDisk());
    await publish(2);
    const answers: (string | undefined)[] = [];
    const syncing = d.runtime.sync();
    while (d.states.at(-1) !== "1 END") {
      const answer = await d.ask(1);
      expect(answer.y).toBe(1 + Number(answer.version));
      answers.push(answer.version);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await syncing;
    expect(answers[0]).toBe("1");
    expect((await d.ask(1)).version).toBe("2");
    expect(d.states.slice(3)).toEqual(["2 START", "2 LOADING", "2 AVAILABLE", "1 UNLOADING", "1 END"]);
  });

  test("restarts without the server, with the version that it served, and never an older one", async () => {
    const disk = emptyDisk();
    const first = await started(disk);
    expect((await first.ask(1)).version).toBe("2");
    await first.runtime.close();
    server.online = false;
    const again = await started(disk);
    expect(again.states).toEqual(["2 START", "2 LOADING", "2 AVAILABLE"]);
    expect(await again.ask(1)).toEqual({ status: 200, version: "2", y: 3 });
    server.online = true;
  });

  test("a restart hashes what is stored: a flipped bit is never computed with, and heals", async () => {
    const disk = emptyDisk();
    const first = await started(disk);
    await first.runtime.close();
    const digests = await disk.blobs.list();
    for (const { digest, size } of digests.filter((blob) => blob.size <= 16)) {
      const bytes = await disk.blobs.get(digest);
      if (bytes === undefined) continue;
      bytes[size - 1] = (bytes[size - 1] ?? 0) ^ 0x40;
      await disk.blobs.put(digest, bytes);
    }
    server.online = false;
    const offline = await started(disk);
    expect(await offline.ask(1)).toMatchObject({ status: 503 });
    await offline.runtime.close();
    server.online = true;
    const online = await started(disk);
    await online.untilState("2 AVAILABLE");
    expect(await online.ask(1)).toEqual({ status: 200, version: "2", y: 3 });
  });

  test("a version that answers wrongly here stays out, and the old one goes on, after a restart too", async () => {
    const disk = emptyDisk();
    const engine = unreliableEngine();
    const d = await started(disk, { engine });
    engine.lying = true;
    const { manifest } = await publish(3);
    await d.runtime.sync();
    await d.untilState("3 END");
    expect(d.runtime.status("line")?.[0]).toMatchObject({ version: 3, state: "END", error: { code: "SELF_TEST_FAILED" } });
    expect(await d.ask(1)).toEqual({ status: 200, version: "2", y: 3 });
    while (!journalOf((await disk.journal.read()) ?? never(), LINE).failed.includes(digestOfHex(manifest.sha256))) await new Promise((resolve) => setImmediate(resolve));
    await d.runtime.close();
    const again = await started(disk);
    expect(again.states).not.toContain("3 LOADING");
    expect((await again.ask(1)).version).toBe("2");
  });

  test("a block unloads at once, and the version before it, which was kept, takes its place", async () => {
    const d = await started(emptyDisk());
    expect((await d.ask(1)).version).toBe("3");
    await publish(4);
    await d.runtime.sync();
    await d.untilState("3 END");
    const { manifest } = await publish(4);
    server.asked.length = 0;
    await change((config) => ({ ...config, blocked: [digestOfHex(manifest.sha256)] }));
    await d.runtime.sync();
    await d.untilState("4 END");
    await d.runtime.settled();
    expect(await d.ask(1)).toEqual({ status: 200, version: "3", y: 4 });
    expect((await d.ask(1, "/v1/models/line/versions/4:predict")).status).toBe(503);
    expect(server.asked.some((path) => path.startsWith("/blobs/"))).toBe(false);
  });

  test("a revert goes down, and the newer version answers until the older one can", async () => {
    await publish(5);
    const d = await started(emptyDisk());
    expect((await d.ask(1)).version).toBe("5");
    await change((config) => ({ ...config, versions: config.versions.filter((one) => one.version <= 2) }));
    const syncing = d.runtime.sync();
    while (d.states.at(-1) !== "5 END") {
      const answer = await d.ask(1);
      expect(answer.status).toBe(200);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await syncing;
    expect(await d.ask(1)).toEqual({ status: 200, version: "2", y: 3 });
    expect(d.states.indexOf("2 AVAILABLE")).toBeLessThan(d.states.indexOf("5 UNLOADING"));
  });

  test("labels and several versions", async () => {
    await change((config) => ({ ...config, policy: { latest: 1 }, labels: { old: version(1) } }));
    const d = await started(emptyDisk());
    expect(await d.ask(1, "/v1/models/line/labels/old:predict")).toEqual({ status: 200, version: "1", y: 2 });
    expect(d.runtime.models()).toMatchObject([{ name: "line", labels: { old: 1 } }]);
    expect(await d.ask(1, "/v1/models/line/versions/1:predict")).toMatchObject({ version: "1" });
    expect(await d.ask(1)).toMatchObject({ version: "2" });
    expect(await d.ask(1, "/v1/models/line/labels/none:predict")).toMatchObject({ status: 400, error: "Unrecognized servable version label: none" });
  });

  test("a request whose engine dies is tried once more, on the version as it is loaded again", async () => {
    const engine = unreliableEngine();
    const d = await started(emptyDisk(), { engine });
    let deaths = 1;
    engine.beforeRun = (model) => {
      if (deaths-- > 0) model.die();
    };
    expect(await d.ask(1)).toEqual({ status: 200, version: "2", y: 3 });
    expect(d.states.slice(-4)).toEqual(["2 END", "2 START", "2 LOADING", "2 AVAILABLE"]);
  });

  test("a server that is gone is told as an event, and stops nothing", async () => {
    const d = await started(emptyDisk());
    server.online = false;
    await expect(d.runtime.sync()).rejects.toMatchObject({ code: "NETWORK_FAILED" });
    expect(d.events.at(-1)).toMatchObject({ type: "sync", ok: false, error: { code: "NETWORK_FAILED" } });
    expect((await d.ask(1)).status).toBe(200);
    server.online = true;
  });

  test("a version that could not be read is tried again with the next look for news, with the server away too", async () => {
    const disk = emptyDisk();
    await (await started(disk)).runtime.close();
    let isBroken = true;
    const get: typeof disk.blobs.get = async (digest, options) => {
      const bytes = await disk.blobs.get(digest, options);
      if (isBroken && bytes !== undefined && bytes.byteLength <= 8) throw new AshoreError("STORE_FAILED", "The disk hung.");
      return bytes;
    };
    server.online = false;
    const d = await started({ ...disk, blobs: { ...disk.blobs, get } });
    expect((await d.ask(1)).status).toBe(503);
    expect(d.runtime.status("line")?.[0]).toMatchObject({ version: 2, state: "END", error: { code: "STORE_FAILED" } });
    isBroken = false;
    await expect(d.runtime.sync()).rejects.toMatchObject({ code: "NETWORK_FAILED" });
    await d.runtime.settled();
    expect(await d.ask(1)).toEqual({ status: 200, version: "2", y: 3 });
  });

  test("holds only the models that it was told to", async () => {
    await writeLinearModel(publishing.folder("other/1"), 2, 0);
    await publishing.publish("other", 1);
    const all = await started(emptyDisk());
    expect(all.runtime.models().map(({ name }) => name).sort()).toEqual(["line", "other"]);
    const one = await started(emptyDisk(), { models: [modelName("other")] });
    expect(one.runtime.models().map(({ name }) => name)).toEqual(["other"]);
    expect(await one.ask(1)).toMatchObject({ status: 404, error: "Servable not found for request: Latest(line)" });
    expect(await one.ask(3, "/v1/models/other:predict")).toEqual({ status: 200, version: "1", y: 6 });
  });
});

function never(): never {
  throw new Error("There is no journal.");
}
