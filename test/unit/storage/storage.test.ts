import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createFolderStorage, writeOnce, type FileStorage } from "../../../sync-server/storage/index.ts";
import { planContents, planMetadata } from "../../../sync-server/storage/plan.ts";
import { testFileStorage } from "../../contract/file-storage.ts";

let root = "";
testFileStorage("a folder", {
  open: async () => createFolderStorage((root = await mkdtemp(join(tmpdir(), "ashore-storage-")))),
  close: () => rm(root, { recursive: true }),
});

describe("a folder", () => {
  test("keeps nothing of a write that fails", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ashore-storage-"));
    await writeFile(join(folder, "file"), "in the way");
    await expect(createFolderStorage(folder).write("file/blob", Uint8Array.of(1))).rejects.toMatchObject({ code: "STORE_FAILED", message: expect.stringContaining("file/blob") });
    expect(await readdir(folder)).toEqual(["file"]);
    await rm(folder, { recursive: true });
  });
});

test("sweeping a folder removes what cut-off writes left there long ago, and nothing that has a name or is being written", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ashore-storage-"));
  const storage = createFolderStorage(folder);
  const ending = new AbortController();
  let left: string[] = [];
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Uint8Array.of(1);
    // As a process that is killed here leaves it.
    left = (await readdir(join(folder, "blobs/sha256"))).filter((name) => name.startsWith("."));
    for (const name of left) await copyFile(join(folder, "blobs/sha256", name), join(folder, "blobs/sha256", `.old${name}`));
    ending.abort();
    yield Uint8Array.of(2);
  }
  await storage.write("blobs/sha256/a", Uint8Array.of(7));
  await expect(storage.receive("blobs/sha256/b", body(), { sha256: "", maxBytes: 9 }, { signal: ending.signal })).rejects.toMatchObject({ code: "CANCELLED" });
  expect(left).toHaveLength(1);
  expect(await storage.sweep("blobs", 1_000)).toEqual([]);
  expect(await storage.sweep("blobs", Date.now() + 60_000)).toEqual([{ path: `blobs/sha256/.old${left[0]}`, size: 1, modified: expect.any(Number) as unknown }]);
  expect(await readdir(join(folder, "blobs/sha256"))).toEqual(["a"]);
  expect(await storage.sweep("none", Date.now())).toEqual([]);
  await rm(folder, { recursive: true });
});

describe("writing once", () => {
  const HOUR = 3_600_000;
  const holding = (size: number | undefined, modified: number) => {
    let writes = 0;
    const storage: Pick<FileStorage, "stat" | "write"> = {
      stat: async () => (size === undefined ? undefined : { size, modified }),
      write: async () => void writes++,
    };
    return { storage: { ...createFolderStorage("/nowhere"), ...storage }, writes: () => writes };
  };
  test.each([
    ["is done where nothing is", undefined, 0, 1],
    ["is done where a shorter file is", 3, 100 * HOUR, 1],
    ["is not done where the file is", 4, 100 * HOUR, 0],
    ["is done again where the file is old enough to be collected soon", 4, 80 * HOUR, 1],
  ])("%s", async (_, size, modified, expected) => {
    const { storage, writes } = holding(size, modified);
    await writeOnce(storage, "a", new Uint8Array(4), { now: 100 * HOUR });
    expect(writes()).toBe(expected);
  });
});

describe("planning a collection", () => {
  const DAY = 24 * 3_600_000;
  const NOW = 100 * DAY;
  const file = (path: string, daysOld: number) => ({ path, size: 1, modified: NOW - daysOld * DAY });

  test("of metadata: roots stay; of others what is current, newer, or was current within a day", () => {
    const files = [
      file("metadata/timestamp.json", 9),
      ...[1, 2, 3].map((n) => file(`metadata/${n}.root.json`, 90)),
      file("metadata/1.snapshot.json", 9),
      file("metadata/2.snapshot.json", 8),
      file("metadata/3.snapshot.json", 0.5),
      file("metadata/4.snapshot.json", 0.1),
      file("metadata/1.publisher.json", 9),
      file("metadata/2.publisher.json", 5),
      file("metadata/3.publisher.json", 3),
      file("metadata/notes.txt", 99),
    ];
    const current = new Map([["snapshot", 3], ["publisher", 2]]);
    expect(planMetadata(files, current, NOW).remove.map(({ path }) => path)).toEqual(["metadata/1.snapshot.json", "metadata/1.publisher.json"]);
  });

  test("of contents: what is named stays, and what is younger than a day", () => {
    const files = [file("blobs/a", 9), file("blobs/b", 9), file("blobs/c", 0.9)];
    expect(planContents(files, new Set(["blobs/a"]), NOW).map(({ path }) => path)).toEqual(["blobs/b"]);
  });
});
