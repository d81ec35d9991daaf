import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { openFileBlobStore } from "../../edge/file-blob-store.ts";
import { openFileJournalStore } from "../../edge/file-journal-store.ts";
import type { Digest } from "../../protocol/digest.ts";
import { modelName } from "../../protocol/names.ts";
import type { BlobStore, JournalStore } from "../../runtime/ports.ts";
import { evictUnneeded, forgetVersion, journalOf, markServed, memoryBlobs, memoryJournal, readManifest, readVariant } from "../../runtime/store/index.ts";
import { deviceOf, serverOf, type TestDevice } from "../unit/sync/make-device.ts";
import { publishVersion, type PublishedVersion } from "../unit/sync/make-version.ts";

const DIGITS = modelName("digits");

/**
 * Where the power goes: before the k-th effect, after it (done, and nobody was told), or in a blob's put that leaves half of
 * it under its final name, as the worst of stores would.
 */
type Mode = "before" | "after" | "torn";

/** Counts the effects of a run, and ends the world at the `fatal`-th: everything is refused from then on. */
class PowerCut {
  effects = 0;
  #dead = false;
  readonly #fatal: number;
  readonly #mode: Mode;

  constructor(fatal: number, mode: Mode) {
    this.#fatal = fatal;
    this.#mode = mode;
  }

  async effect<Result>(run: () => Promise<Result>, tear?: () => Promise<void>): Promise<Result> {
    if (this.#dead) throw new Error("there is no power");
    const fatal = ++this.effects === this.#fatal;
    if (!fatal) return run();
    this.#dead = true;
    if (this.#mode === "after") await run();
    if (this.#mode === "torn") await tear?.();
    throw new Error("the power went");
  }
}

interface Disk {
  readonly blobs: BlobStore;
  readonly journal: JournalStore;
}

function wired({ blobs, journal }: Disk, power: PowerCut): Disk {
  return {
    blobs: {
      get: (digest, options) => power.effect(() => blobs.get(digest, options)),
      has: (digest) => power.effect(() => blobs.has(digest)),
      put: (digest, bytes, options) => power.effect(() => blobs.put(digest, bytes, options), () => blobs.put(digest, bytes.slice(0, bytes.byteLength >> 1))),
      delete: (digest) => power.effect(() => blobs.delete(digest)),
      list: () => power.effect(() => blobs.list()),
    },
    journal: { read: (options) => power.effect(() => journal.read(options)), write: (next, options) => power.effect(() => journal.write(next, options)) },
  };
}

async function start(disk: Disk, versions: readonly PublishedVersion[], power?: PowerCut): Promise<TestDevice> {
  const server = serverOf(versions);
  if (power === undefined) return deviceOf({ fetch: server.fetch, versions, ...disk });
  return deviceOf({
    fetch: (url, init) => power.effect(() => server.fetch(url, init)),
    versions,
    ...wired(disk, power),
    onManifest: () => power.effect(async () => undefined),
  });
}

/** What a device does with news, as the runtime does it: bring in, serve, let the old one go, tidy up. */
async function update(device: TestDevice, { request }: PublishedVersion): Promise<void> {
  await device.fetcher.fetch(request);
  await device.keeper.update((journal) => markServed(journal, request.model, request.version, request.version));
  for (const { version } of journalOf(device.keeper.current(), request.model).held) {
    if (version < request.version) await device.keeper.update((journal) => forgetVersion(journal, request.model, version));
  }
  await evictUnneeded(device.blobs, device.keeper, device.fetcher.fetching());
}

/** The versions that a device could answer from right now, without any network. */
async function ready(device: TestDevice): Promise<readonly number[]> {
  const whole: number[] = [];
  for (const { version, manifest: target } of journalOf(device.keeper.current(), DIGITS).held) {
    const [variant] = (await readManifest(device.blobs, target))?.variants ?? [];
    if (variant !== undefined && (await readVariant(device.blobs, variant)).whole) whole.push(version);
  }
  return whole;
}

interface Scenario {
  readonly name: string;
  readonly modes: readonly Mode[];
  /** The disk as the run finds it. */
  readonly before: (disk: Disk) => Promise<void>;
  /** What may be ready after any crash; the next run always ends with version 2 alone. */
  readonly allowed: readonly (readonly number[])[];
  /** A held version is not whole when the run begins. */
  readonly damaged?: boolean;
}

const v1 = await publishVersion({ version: 1, shards: [1, 2, 3] });
const v2 = await publishVersion({ version: 2, shards: [1, 2, 4], codecs: ["planes+gzip", "gzip", "identity"] });

async function withV1(disk: Disk): Promise<void> {
  await update(await start(disk, [v1]), v1);
}

const SCENARIOS: readonly Scenario[] = [
  { name: "the first version of a new device", modes: ["before", "after", "torn"], before: async () => undefined, allowed: [[], [2]] },
  { name: "an update that shares shards", modes: ["before", "after", "torn"], before: withV1, allowed: [[1], [1, 2], [2]] },
  {
    name: "a version that is held, of which a blob was damaged",
    modes: ["before", "after", "torn"],
    before: async (disk) => {
      await update(await start(disk, [v2]), v2);
      const shard = v2.manifest.variants[0]?.shards[2]?.digest as Digest;
      await disk.blobs.put(shard, new Uint8Array(10));
    },
    allowed: [[], [2]],
    damaged: true,
  },
];

async function run(scenario: Scenario, open: () => Promise<{ disk: Disk; reopen: () => Promise<Disk> }>, mode: Mode): Promise<number> {
  let points = 0;
  for (let fatal = 1; ; fatal++) {
    const { disk, reopen } = await open();
    await scenario.before(disk);
    const power = new PowerCut(fatal, mode);
    const finished = await start(disk, [v1, v2], power).then(async (device) => update(device, v2)).then(() => true, () => false);
    // The world ended somewhere before the run did, or the run had no k-th effect.
    if (power.effects < fatal) return points;
    expect(finished, `${scenario.name}, ${mode} effect ${fatal}: a fault is never swallowed`).toBe(false);
    points++;

    const survived = await reopen();
    const revived = await start(survived, [v1, v2]);
    const whole = await ready(revived);
    expect(scenario.allowed, `${scenario.name}, ${mode} effect ${fatal}`).toContainEqual(whole);
    const { served, held } = journalOf(revived.keeper.current(), DIGITS);
    const claimed = [...held.map(({ version }) => version), ...(served === null ? [] : [served.version])];
    const untrue = scenario.damaged === true ? [] : claimed.filter((version) => !whole.includes(version));
    expect(untrue, `${scenario.name}, ${mode} effect ${fatal}: what the journal holds is whole, and what answered last can answer again`).toEqual([]);

    await update(revived, v2);
    expect(await ready(revived)).toEqual([2]);
    const stored = (await survived.blobs.list()).length;
    expect(stored, "nothing is left over").toBe(v2.blobs.size + 1);
  }
}

describe("the power goes at every single effect of an update", () => {
  const folders: string[] = [];
  afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

  test("on a store in memory: old or new, never torn, and the next run converges", async () => {
    let points = 0;
    for (const scenario of SCENARIOS) {
      for (const mode of scenario.modes) {
        points += await run(scenario, async () => {
          const disk = { blobs: memoryBlobs(), journal: memoryJournal() };
          return { disk, reopen: async () => disk };
        }, mode);
      }
    }
    console.log(`${points} interruption points: 0 torn states`);
    expect(points).toBeGreaterThan(200);
  });

  test("on files", async () => {
    const report = (): void => undefined;
    let points = 0;
    for (const mode of ["before", "after"] as const) {
      points += await run(SCENARIOS[1] as Scenario, async () => {
        const folder = await mkdtemp(join(tmpdir(), "ashore-crash-"));
        folders.push(folder);
        const open = async (): Promise<Disk> => ({ blobs: await openFileBlobStore(join(folder, "blobs")), journal: await openFileJournalStore(folder, { report }) });
        return { disk: await open(), reopen: open };
      }, mode);
    }
    console.log(`${points} interruption points on files: 0 torn states`);
    expect(points).toBeGreaterThan(50);
  });
});
