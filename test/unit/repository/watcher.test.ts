import { appendFile, cp, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AshoreError } from "../../../protocol/errors.ts";
import { modelName, version } from "../../../protocol/names.ts";
import { createRepositoryPublisher, publishVersion, readServing } from "../../../sync-server/publish/index.ts";
import { createRepositoryWatcher, type RepositoryEvent, type RepositoryPublisher, type RepositoryWatcher, type WatchedModel } from "../../../sync-server/repository/index.ts";
import { systemClock } from "../../../sync-server/system-clock.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { startPublishing } from "../../support/publishing.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ashore-repository-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** A watcher over folders on disk, and a publisher that only writes down what it is asked. */
function watch(models: readonly Partial<WatchedModel>[] = [{}], fail: (model: string, version: number) => AshoreError | undefined = () => undefined, pollSeconds?: number) {
  const events: string[] = [];
  const published: string[] = [];
  const reconciled: string[] = [];
  const kept: string[] = [];
  let now = Date.now();
  const publisher: RepositoryPublisher = {
    async publish({ name }, number) {
      published.push(`${name} ${number}`);
      const error = fail(name, number);
      if (error !== undefined) throw error;
      return { outcome: "published", notes: [] };
    },
    async reconcile({ name, labels }, present) {
      reconciled.push(`${name} ${[...present].sort((a, b) => a - b).join()}${labels === undefined ? "" : ` ${JSON.stringify(labels)}`}`);
      return { changed: false, withdrawn: [] };
    },
    async retireOthers(watched) {
      kept.push([...watched].join());
      return [];
    },
  };
  const tell = (event: RepositoryEvent): void => {
    events.push(event.type === "problem" ? `${event.model} ${event.version ?? "-"} ${event.error.code}` : `${event.type} ${event.model}`);
  };
  const watcher = createRepositoryWatcher({
    models: models.map((model, place) => ({ name: modelName(place === 0 ? "m" : `m${place}`), basePath: join(root, place === 0 ? "m" : `m${place}`), ...model })),
    publisher,
    clock: { ...systemClock, now: () => now },
    report: tell,
    pollSeconds,
  });
  const polls = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await watcher.poll();
  };
  return { watcher, events, published, reconciled, kept, polls, pass: (ms: number) => (now += ms) };
}

const put = async (path: string, text = "x"): Promise<void> => {
  await mkdir(join(root, path, ".."), { recursive: true });
  await writeFile(join(root, path), text);
};
const states = (watcher: RepositoryWatcher): (string | undefined)[] => (watcher.status().get(modelName("m"))?.versions ?? []).map(({ version: number, state }) => `${number} ${state}`);

describe("a version folder", () => {
  test("is published once it looked the same twice, and once only", async () => {
    await put("m/1/model.json");
    const { watcher, published, polls } = watch();
    await polls(1);
    expect([published, states(watcher), watcher.status().get(modelName("m"))?.settled]).toEqual([[], ["1 settling"], false]);
    await polls(4);
    expect([published, states(watcher), watcher.status().get(modelName("m"))?.settled]).toEqual([["m 1"], ["1 published"], true]);
  });

  test("that grows is left alone as long as it grows, whichever file does", async () => {
    await put("m/1/model.json");
    await put("m/1/variables/shard-1");
    const { published, polls } = watch();
    for (let i = 0; i < 4; i++) {
      await polls(1);
      await appendFile(join(root, i % 2 === 0 ? "m/1/model.json" : "m/1/variables/shard-1"), "more");
    }
    expect(published).toEqual([]);
    await polls(2);
    expect(published).toEqual(["m 1"]);
  });

  test("that is old when the watcher starts is not waited for", async () => {
    await put("m/1/model.json");
    const { published, polls, pass } = watch();
    pass(10_000);
    await polls(1);
    expect(published).toEqual(["m 1"]);
  });

  test("that changes after it was published is looked at again", async () => {
    await put("m/1/model.json");
    const { published, polls } = watch();
    await polls(2);
    await put("m/1/model.json", "other bytes");
    await polls(1);
    expect(published).toEqual(["m 1"]);
    await polls(1);
    expect(published).toEqual(["m 1", "m 1"]);
  });

  test("of a higher number is published beside the one before", async () => {
    await put("m/1/model.json");
    const { watcher, published, polls } = watch();
    await polls(2);
    await put("m/0002/model.json");
    await polls(2);
    expect(published).toEqual(["m 1", "m 2"]);
    expect(states(watcher)).toEqual(["2 published"]);
  });
});

describe("failures", () => {
  const malformed = (text: string) => new AshoreError("MODEL_MALFORMED", text);

  test("of one version are told once, tried again when its files change, and leave its place to the next lower", async () => {
    await put("m/1/model.json");
    await put("m/2/model.json");
    const { watcher, events, published, polls } = watch([{}], (_, number) => (number === 2 ? malformed("bad") : undefined));
    await polls(6);
    expect(published).toEqual(["m 2", "m 1"]);
    expect(events).toEqual(["m 2 MODEL_MALFORMED", "published m"]);
    expect(states(watcher)).toEqual(["2 failed", "1 published"]);
    await put("m/2/model.json", "still bad");
    await polls(3);
    expect(published).toEqual(["m 2", "m 1", "m 2"]);
    expect(events).toHaveLength(2);
  });

  test("that are not the files' fault are tried again after a while without a change", async () => {
    await put("m/1/model.json");
    let full = true;
    const { watcher, events, published, polls, pass } = watch([{}], () => (full ? new AshoreError("STORE_FULL", "no room") : undefined));
    await polls(5);
    expect(published).toEqual(["m 1"]);
    full = false;
    pass(31_000);
    await polls(1);
    expect(published).toEqual(["m 1", "m 1"]);
    expect(events).toEqual(["m 1 STORE_FULL", "published m"]);
    expect(states(watcher)).toEqual(["1 published"]);
  });

  test("of one model, and a missing folder of another, do not stop a third", async () => {
    await put("m/1/model.json");
    await put("m2/1/model.json");
    const { events, published, polls } = watch([{}, {}, {}], (model) => (model === "m" ? malformed("bad") : undefined));
    await polls(4);
    expect(published.sort()).toEqual(["m 1", "m2 1"]);
    expect(events.sort()).toEqual(["m 1 MODEL_MALFORMED", "m1 - NOT_FOUND", "published m2"]);
  });

  test("two folders for one number are told once", async () => {
    await put("m/1/model.json");
    await put("m/01/model.json");
    const { events, polls } = watch();
    await polls(4);
    expect(events).toEqual(["m 1 ALREADY_EXISTS", "published m"]);
  });
});

describe("a repository that goes", () => {
  test("is told once and never reconciled, so that nothing is unpublished; and goes on when it is back", async () => {
    await put("m/1/model.json");
    const { watcher, events, reconciled, polls } = watch();
    await polls(3);
    const before = reconciled.length;
    await rename(join(root, "m"), join(root, "elsewhere"));
    await polls(3);
    await mkdir(join(root, "m"));
    await polls(3);
    expect(reconciled).toHaveLength(before);
    expect(events).toEqual(["published m", "m - NOT_FOUND", "m - NOT_FOUND"]);
    expect(watcher.status().get(modelName("m"))?.problem?.message).toContain("goes on being served");
    await put("m/2/model.json");
    await polls(3);
    expect(watcher.status().get(modelName("m"))?.problem).toBeUndefined();
    expect(reconciled.at(-1)).toBe("m 2");
  });

  test("one folder that is replaced is not taken for removed", async () => {
    await put("m/1/model.json");
    await put("m/2/model.json");
    const { reconciled, polls } = watch();
    await polls(3);
    await rename(join(root, "m/2"), join(root, "m/2.old"));
    await polls(1);
    await put("m/2/model.json", "new");
    await polls(3);
    expect(reconciled.every((text) => text === "m 1,2")).toBe(true);
    await rm(join(root, "m/2"), { recursive: true });
    await polls(2);
    expect(reconciled.at(-1)).toBe("m 1");
  });
});

describe("running", () => {
  test("ends with its signal, after what is under way", async () => {
    await put("m/1/model.json");
    const controller = new AbortController();
    let ended = false;
    const watcher = createRepositoryWatcher({
      models: [{ name: modelName("m"), basePath: join(root, "m") }],
      publisher: {
        publish: (_model, _version, _folder, { signal } = {}) =>
          new Promise((_, reject) => {
            signal?.addEventListener("abort", () => {
              ended = true;
              reject(new AshoreError("CANCELLED", "stopped"));
            });
            controller.abort();
          }),
        reconcile: async () => ({ changed: false, withdrawn: [] }),
        retireOthers: async () => [],
      },
      clock: { now: () => Date.now() + 60_000, sleep: systemClock.sleep },
      report: () => {},
    });
    await watcher.run(controller);
    expect(ended).toBe(true);
  });

  test("with 0 seconds looks once, and takes folders as they stand; with fewer it never looks", async () => {
    await put("m/1/model.json");
    for (const [pollSeconds, expected] of [[0, 1], [-1, 0]] as const) {
      let count = 0;
      const publisher: RepositoryPublisher = { publish: async () => ({ outcome: count++ === 0 ? "published" : "unchanged", notes: [] }), reconcile: async () => ({ changed: false, withdrawn: [] }), retireOthers: async () => [] };
      const watcher = createRepositoryWatcher({ models: [{ name: modelName("m"), basePath: join(root, "m") }], publisher, clock: systemClock, report: () => {}, pollSeconds });
      await watcher.run({ signal: new AbortController().signal });
      expect(count).toBe(expected);
    }
  });
});

describe("another list of models", () => {
  const at = (name: string, settings: Partial<WatchedModel> = {}): WatchedModel => ({ name: modelName(name), basePath: join(root, name), policy: { latest: 1 }, labels: {}, ...settings });

  test("while it runs: one goes, one comes, and settings change without publishing again", async () => {
    await put("m/1/model.json");
    await put("m1/1/model.json");
    await put("m2/1/model.json");
    const { watcher, published, reconciled, kept, polls, pass } = watch([{}, {}]);
    pass(60_000);
    await polls(2);
    expect(published.toSorted()).toEqual(["m 1", "m1 1"]);
    await watcher.setModels([at("m", { labels: { stable: version(1) } }), at("m2")]);
    expect([kept, [...watcher.status().keys()]]).toEqual([["m,m2"], ["m", "m2"]]);
    reconciled.length = 0;
    await polls(2);
    expect(published.toSorted()).toEqual(["m 1", "m1 1", "m2 1"]);
    expect(reconciled).toEqual(['m 1 {"stable":1}', "m2 1 {}"]);
  });

  test("a labelled version is published beside the policy's, and settings wait for what they ask for", async () => {
    for (const number of [1, 2]) await put(`m/${number}/model.json`);
    const { watcher, published, reconciled, polls, pass } = watch();
    pass(60_000);
    await polls(2);
    expect([published, reconciled]).toEqual([["m 2"], ["m 1,2"]]);
    await put("m/1/more");
    await watcher.setModels([at("m", { labels: { stable: version(1) } })]);
    pass(-60_000);
    await polls(1);
    expect([published, reconciled.at(-1)]).toEqual([["m 2"], "m 1,2"]);
    await polls(2);
    expect([published, reconciled.at(-1)]).toEqual([["m 2", "m 1"], 'm 1,2 {"stable":1}']);
  });

  test("a label of a version that is not there is told once, and again after it was there", async () => {
    await put("m/1/model.json");
    const { watcher, events, polls, pass } = watch([{ labels: { stable: version(1), canary: version(2) } }]);
    pass(60_000);
    await polls(3);
    expect(events).toEqual(["published m", "m 2 NOT_FOUND"]);
    await put("m/2/model.json");
    await polls(3);
    await rm(join(root, "m/2"), { recursive: true });
    await polls(2);
    expect(events).toEqual(["published m", "m 2 NOT_FOUND", "published m", "m 2 NOT_FOUND"]);
    await watcher.setModels([at("m", { labels: { stable: version(1) } })]);
    await polls(2);
    expect(events).toHaveLength(4);
  });

  test("a model at another base path is another repository", async () => {
    await put("m/1/model.json");
    await put("moved/1/model.json");
    const { watcher, published, polls, pass } = watch();
    pass(60_000);
    await polls(1);
    await watcher.setModels([at("m", { basePath: join(root, "moved") })]);
    await polls(1);
    expect(published).toEqual(["m 1", "m 1"]);
  });

  test("where folders are looked at once: what is new is looked at once, and settings that change count too", async () => {
    await put("m/1/model.json");
    await put("m1/1/model.json");
    const { watcher, published, reconciled } = watch([{}], () => undefined, 0);
    await watcher.run({ signal: new AbortController().signal });
    expect(published).toEqual(["m 1"]);
    await watcher.setModels([at("m", { labels: { stable: version(1) } }), at("m1")]);
    await expect.poll(() => [published, reconciled.toSorted()]).toEqual([["m 1", "m1 1"], ["m 1", 'm 1 {"stable":1}', "m1 1 {}"]]);
  });

  test("starts and ends polling of models that come and go", async () => {
    const controller = new AbortController();
    await put("m/1/model.json");
    await put("m1/1/model.json");
    const { watcher, published, pass } = watch([{}]);
    pass(60_000);
    const running = watcher.run(controller);
    await expect.poll(() => published).toEqual(["m 1"]);
    await watcher.setModels([at("m1")]);
    await expect.poll(() => published).toEqual(["m 1", "m1 1"]);
    controller.abort();
    await running;
  });
});

describe("with a publisher that signs", () => {
  test("a model that is listed no more is taken from devices, and comes back; what was published by hand stays", async () => {
    const publishing = await startPublishing();
    const at = (name: string, settings: Partial<WatchedModel> = {}): WatchedModel => ({ name: modelName(name), basePath: publishing.folder(name), policy: { latest: 1 }, labels: {}, ...settings });
    const events: RepositoryEvent[] = [];
    const publisher = createRepositoryPublisher({ ...publishing.ports, publish: (request, options) => publishVersion(request, publishing.ports, options) });
    const watcher = createRepositoryWatcher({ models: [at("a", { labels: { stable: version(1) } }), at("b")], publisher, clock: systemClock, report: (event) => events.push(event) });
    for (const name of ["a", "b", "hand"]) await writeLinearModel(publishing.folder(`${name}/1`), 1, 1);
    await publishing.publish("hand", 1);
    for (let i = 0; i < 3; i++) await watcher.poll();
    expect([await publishing.served("a"), await publishing.served("b")]).toEqual([[1], [1]]);

    await watcher.setModels([at("b")]);
    expect(events.at(-1)).toEqual({ type: "retired", model: "a" });
    const { record } = await readServing(publishing.ports, modelName("a"));
    expect(record?.config).toMatchObject({ versions: [], policy: { specific: [] }, labels: {} });
    expect([await publishing.served("b"), await publishing.served("hand")]).toEqual([[1], [1]]);

    await watcher.setModels([at("a", { labels: { canary: version(1) } }), at("b")]);
    for (let i = 0; i < 3; i++) await watcher.poll();
    expect((await readServing(publishing.ports, modelName("a"))).record?.config).toMatchObject({ versions: [{ version: 1 }], policy: { latest: 1 }, labels: { canary: 1 } });
  });

  test("drop, roll back by removing, drop again, break, empty: what is served follows TensorFlow Serving's rules", async () => {
    const publishing = await startPublishing();
    const model = { name: modelName("digits"), basePath: publishing.folder("digits"), policy: { latest: 1 }, labels: { stable: version(1) } };
    const events: RepositoryEvent[] = [];
    const publisher = createRepositoryPublisher({ ...publishing.ports, publish: (request, options) => publishVersion(request, publishing.ports, options) });
    const watcher = createRepositoryWatcher({ models: [model], publisher, clock: systemClock, report: (event) => events.push(event) });
    const settle = async (): Promise<number[] | undefined> => {
      for (let i = 0; i < 4; i++) await watcher.poll();
      return publishing.served("digits");
    };
    const drop = (number: number, b = number): Promise<void> => writeLinearModel(join(model.basePath, String(number)), number, b);

    expect(await settle()).toBeUndefined();
    await drop(1);
    expect(await settle()).toEqual([1]);
    await drop(2);
    expect(await settle()).toEqual([1, 2]);
    const { versions } = await publishing.ports.signer.read();
    expect(await settle()).toEqual([1, 2]);
    expect((await publishing.ports.signer.read()).versions, "nothing is signed while nothing changes").toEqual(versions);

    await rename(join(model.basePath, "2"), join(model.basePath, "2.bad"));
    expect(await settle()).toEqual([1]);
    await cp(join(model.basePath, "2.bad"), join(model.basePath, "2"), { recursive: true });
    expect(await settle()).toEqual([1, 2]);

    await drop(2, 99);
    expect(await settle()).toEqual([1, 2]);
    await mkdir(join(model.basePath, "3"));
    await writeFile(join(model.basePath, "3/model.json"), "<html>");
    expect(await settle()).toEqual([1, 2]);

    await rm(model.basePath, { recursive: true });
    expect(await settle()).toEqual([1, 2]);
    await mkdir(model.basePath);
    expect(await settle()).toEqual([1, 2]);

    expect(events.flatMap((event) => (event.type === "problem" ? [event.error.code] : []))).toEqual(["NOT_FOUND", "VERSION_REBOUND", "MODEL_MALFORMED", "NOT_FOUND", "NOT_FOUND"]);
    expect(events.flatMap((event) => (event.type === "withdrawn" ? [event.versions] : []))).toEqual([[2]]);
    await publishing.close();
  });
});
