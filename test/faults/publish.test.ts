import { afterEach, describe, expect, test } from "vitest";
import { digestOfHex, verifyDigest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { EncodedBlob } from "../../protocol/manifest.ts";
import { modelName, version } from "../../protocol/names.ts";
import { manifestPath } from "../../protocol/serving-config.ts";
import { publishVersion, readServing } from "../../sync-server/publish/index.ts";
import { blobPath, collectGarbage, targetPath, type FileStorage } from "../../sync-server/storage/index.ts";
import { writeDeepModel } from "../support/make-model.ts";
import { startPublishing, type Publishing } from "../support/publishing.ts";

/** What a process that is killed leaves of one write. */
const KILLS = {
  before: async () => {},
  after: async (storage: FileStorage, path: string, bytes: Uint8Array<ArrayBuffer>) => storage.write(path, bytes),
};
type Kill = keyof typeof KILLS;

class Killed extends Error {}

/** A storage whose process is killed at a write; what comes later never happens. */
function dying(storage: FileStorage, at: (write: number, path: string) => boolean, kill: Kill): FileStorage {
  let writes = 0;
  let dead = false;
  return {
    ...storage,
    async write(path, bytes, options) {
      if (dead) throw new Killed();
      if (at(writes++, path)) {
        dead = true;
        await KILLS[kill](storage, path, bytes);
        throw new Killed();
      }
      await storage.write(path, bytes, options);
    },
  };
}

let publishing: Publishing | undefined;
afterEach(async () => publishing?.close());

async function writeSource(on: Publishing, n: number): Promise<void> {
  await writeDeepModel(on.folder(`digits/${n}`), { layers: n, width: 16, seed: n });
}

/** What a device would find: every version that is offered, whole, down to each blob's digest. */
async function offered({ ports }: Publishing): Promise<number[]> {
  const { record, state } = await readServing(ports, modelName("digits"));
  for (const { version: number, manifest } of record?.config.versions ?? []) {
    const path = manifestPath(modelName("digits"), number);
    expect(state.roles.get("publisher")?.targets.get(path), "both roles must agree").toMatchObject(manifest);
    const bytes = (await ports.storage.read(targetPath(path, manifest.sha256))) ?? new Uint8Array();
    await verifyDigest(bytes, { digest: digestOfHex(manifest.sha256), size: manifest.length }, path);
    const { variants } = JSON.parse(new TextDecoder().decode(bytes)) as { variants: { graph: EncodedBlob; index: EncodedBlob; shards: EncodedBlob[] }[] };
    for (const { graph, index, shards } of variants) {
      for (const { digest, size, encodings } of [graph, index, ...shards]) {
        for (const blob of [{ digest, size }, ...encodings]) await verifyDigest((await ports.storage.read(blobPath(blob.digest))) ?? new Uint8Array(), blob, blob.digest);
      }
    }
  }
  return record?.config.versions.map((entry) => entry.version) ?? [];
}

describe.each(Object.keys(KILLS) as Kill[])("a publish that is killed %s a write", (kill) => {
  test("leaves what was published before, whole, and the next run goes on: at every write", async () => {
    let states = 0;
    for (let at = 0; ; at++) {
      const on = (publishing = await startPublishing());
      await Promise.all([writeSource(on, 1), writeSource(on, 2)]);
      await on.publish("digits", 1);
      const ports = { ...on.ports, storage: dying(on.ports.storage, (write) => write === at, kill) };
      const request = { source: on.folder("digits/2"), model: modelName("digits"), version: version(2) };
      const survived = await publishVersion(request, ports).then(
        () => true,
        (thrown: unknown) => {
          expect(thrown).toMatchObject({ cause: expect.any(Killed) });
          return false;
        },
      );
      expect(await offered(on)).toEqual(survived ? [1, 2] : [1]);
      expect((await on.publish("digits", 2)).outcome).toBe(survived ? "unchanged" : "published");
      expect(await offered(on)).toEqual([1, 2]);
      await on.close();
      if (survived) break;
      states++;
    }
    // Graph, index and shard with their encodings, the manifest, and the serving config.
    expect(states).toBeGreaterThanOrEqual(6);
  }, 60_000);
});

describe("a full disk", () => {
  test("fails the publish as STORE_FULL and leaves what was there", async () => {
    const on = (publishing = await startPublishing());
    await Promise.all([writeSource(on, 1), writeSource(on, 2)]);
    await on.publish("digits", 1);
    const full: FileStorage = { ...on.ports.storage, write: async (path) => Promise.reject(new AshoreError("STORE_FULL", `no room for ${path}`)) };
    await expect(publishVersion({ source: on.folder("digits/2"), model: modelName("digits"), version: version(2) }, { ...on.ports, storage: full })).rejects.toMatchObject({ code: "STORE_FULL" });
    expect(await offered(on)).toEqual([1]);
  });
});

describe("a garbage collection", () => {
  const DAY = 24 * 3_600_000;

  test("days later removes what was superseded, and no version is hurt", async () => {
    const on = (publishing = await startPublishing());
    for (const n of [1, 2, 3]) {
      await writeSource(on, n);
      await on.publish("digits", n);
    }
    const { storage } = on.ports;
    await storage.write("blobs/sha256/" + "0".repeat(64), new Uint8Array(10));
    expect((await collectGarbage(storage, { now: Date.now() })).removed).toEqual([]);
    const dry = await collectGarbage(storage, { now: Date.now() + 2 * DAY, dryRun: true });
    const { removed, bytes } = await collectGarbage(storage, { now: Date.now() + 2 * DAY });
    expect(removed).toEqual(dry.removed);
    expect(bytes).toBeGreaterThan(10);
    const paths = removed.map(({ path }) => path);
    expect(paths).toContain("blobs/sha256/" + "0".repeat(64));
    expect(paths.filter((path) => path.includes("root.json"))).toEqual([]);
    expect(paths.filter((path) => /serving\/[0-9a-f]+\.digits\.json$/.test(path))).toHaveLength(2);
    expect(await offered(on)).toEqual([1, 2, 3]);
    await writeSource(on, 4);
    await on.publish("digits", 4);
    expect(await offered(on)).toEqual([1, 2, 3, 4]);
  });

  test("beside a publish takes nothing that the publish is about to sign", async () => {
    const on = (publishing = await startPublishing());
    await writeSource(on, 1);
    await on.publish("digits", 1);
    await writeSource(on, 2);
    const later = Date.now() + 2 * DAY;
    const clock = { ...on.ports.clock, now: () => later };
    // The first run leaves blobs that nothing names; two days on, the second finds them there while a collection goes on.
    const request = { source: on.folder("digits/2"), model: modelName("digits"), version: version(2) };
    await publishVersion(request, { ...on.ports, storage: dying(on.ports.storage, (_, path) => path.startsWith("targets/"), "before") }).catch(() => {});
    const storage: FileStorage = {
      ...on.ports.storage,
      async list(folder, options) {
        const files = await on.ports.storage.list(folder, options);
        // Between the listing and the removal the publish writes and signs.
        if (folder === "metadata") await publishVersion(request, { ...on.ports, clock });
        return files;
      },
    };
    await collectGarbage(storage, { now: later });
    expect(await offered(on)).toEqual([1, 2]);
  });

  test("of a folder whose metadata cannot be read removes nothing", async () => {
    const on = (publishing = await startPublishing());
    await writeSource(on, 1);
    await on.publish("digits", 1);
    await on.ports.storage.delete("metadata/timestamp.json");
    const before = await on.ports.storage.list("blobs");
    await expect(collectGarbage(on.ports.storage, { now: Date.now() + 9 * DAY })).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    expect(await on.ports.storage.list("blobs")).toEqual(before);
  });
});
