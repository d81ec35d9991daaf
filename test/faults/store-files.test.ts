import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { storeError } from "../../edge/durable-write.ts";
import { openFileBlobStore } from "../../edge/file-blob-store.ts";
import { openFileJournalStore } from "../../edge/file-journal-store.ts";
import { openFileRecordStore } from "../../edge/file-record-store.ts";
import { digestOf, hexOf } from "../../protocol/digest.ts";
import { modelName, version } from "../../protocol/names.ts";
import { mulberry32 } from "../../protocol/self-test.ts";
import type { Journal, RuntimeEvent } from "../../runtime/ports.ts";
import { commitVersion, createJournalKeeper, emptyJournal, journalOf, markServed } from "../../runtime/store/index.ts";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "ashore-files-"))));
afterEach(() => rm(folder, { recursive: true }));

const DIGITS = modelName("digits");
const TARGET = { sha256: "a".repeat(64), length: 10 };
const JOURNAL: Journal = markServed(commitVersion(emptyJournal("0".repeat(32)), DIGITS, version(7), TARGET), DIGITS, version(7), 12);
const none = (event: RuntimeEvent): void => expect.fail(JSON.stringify(event));
const random = mulberry32(11);

/** A file as a worn disk, another program, or a power cut leaves it. */
const DAMAGE: readonly (readonly [string, (path: string) => Promise<void>])[] = [
  ["gone", (path) => rm(path)],
  ["empty", (path) => truncate(path, 0)],
  ["cut short", async (path) => truncate(path, Math.floor((await stat(path)).size * random()))],
  ["cut by one byte inside its text", async (path) => truncate(path, (await stat(path)).size - 3)],
  [
    "with one bit flipped",
    async (path) => {
      const bytes = await readFile(path);
      const at = Math.floor(random() * (bytes.length - 1));
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      await writeFile(path, bytes);
    },
  ],
  ["other JSON", (path) => writeFile(path, '{"written":99,"sha256":"","journal":"{}"}')],
  ["a page", (path) => writeFile(path, "<!doctype html>")],
];

describe("a damaged journal", () => {
  const FILES = ["journal.json", "journal.copy.json"];

  test.each(DAMAGE.flatMap(([name, damage]) => FILES.map((file) => [file, name, damage] as const)))("%s %s: nothing is lost, and both are whole again", async (file, name, damage) => {
    for (let round = 0; round < 25; round++) {
      await (await openFileJournalStore(folder, { report: none })).write(JOURNAL);
      await damage(join(folder, file));
      const events: RuntimeEvent[] = [];
      expect(await (await openFileJournalStore(folder, { report: (event) => events.push(event) })).read()).toEqual(JOURNAL);
      expect(events, "it is told").toMatchObject(name === "gone" ? [] : [{ type: "problem", error: { code: "STORE_CORRUPT" } }]);
      const other = FILES.find((candidate) => candidate !== file) ?? file;
      await rm(join(folder, other));
      expect(await (await openFileJournalStore(folder, { report: none })).read(), "the repaired file alone has it").toEqual(JOURNAL);
    }
  });

  test("in both copies is told, and a new one is begun", async () => {
    await (await openFileJournalStore(folder, { report: none })).write(JOURNAL);
    for (const file of FILES) await truncate(join(folder, file), 20);
    const store = await openFileJournalStore(folder, { report: none });
    await expect(store.read()).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    const events: RuntimeEvent[] = [];
    const keeper = await createJournalKeeper(store, (count) => new Uint8Array(count), { report: (event) => events.push(event) });
    expect(events).toMatchObject([{ type: "problem", error: { code: "STORE_CORRUPT" } }]);
    await keeper.commit(DIGITS, version(8), TARGET, { persisted: true });
    const reread = await (await openFileJournalStore(folder, { report: none })).read();
    expect(journalOf(reread ?? JOURNAL, DIGITS).held).toEqual([{ version: 8, manifest: TARGET }]);
  });

  test("that was cut between its two copies has the later one", async () => {
    const store = await openFileJournalStore(folder, { report: none });
    await store.write(emptyJournal("0".repeat(32)));
    const before = await readFile(join(folder, "journal.copy.json"));
    await store.write(JOURNAL);
    await writeFile(join(folder, "journal.copy.json"), before);
    expect(await (await openFileJournalStore(folder, { report: none })).read()).toEqual(JOURNAL);
  });

  test("whose copy cannot be written has no copy rather than an old one", async () => {
    const store = await openFileJournalStore(folder, { report: none });
    await store.write(emptyJournal("0".repeat(32)));
    const copy = join(folder, "journal.copy.json");
    await rm(copy);
    await mkdir(copy);
    await expect(store.write(JOURNAL)).rejects.toMatchObject({ code: "STORE_FAILED" });
    await rm(copy, { recursive: true });
    expect(await (await openFileJournalStore(folder, { report: none })).read()).toEqual(JOURNAL);
  });
});

test("a later Ashore's journal stays as it is, to the byte", async () => {
  const journal = JSON.stringify({ schemaVersion: 2, anything: "else" });
  const text = JSON.stringify({ written: 3, sha256: createHash("sha256").update(journal).digest("hex"), journal });
  for (const file of ["journal.json", "journal.copy.json"]) await writeFile(join(folder, file), text);
  const events: RuntimeEvent[] = [];
  const keeper = await createJournalKeeper(await openFileJournalStore(folder, { report: none }), (count) => new Uint8Array(count), { report: (event) => events.push(event) });
  expect(events).toMatchObject([{ type: "problem", error: { code: "STORE_NEWER" } }]);
  expect(await keeper.commit(DIGITS, version(1), TARGET, { persisted: true })).toEqual({ persisted: false });
  for (const file of ["journal.json", "journal.copy.json"]) expect(await readFile(join(folder, file), "utf8")).toBe(text);
});

describe("what a writer that died left behind", () => {
  const bytes = new Uint8Array(1000).fill(5);

  test("is neither listed nor read, and swept at the next start", async () => {
    const store = await openFileBlobStore(folder);
    const digest = await digestOf(bytes);
    const leftover = join(folder, "sha256", `${hexOf(digest)}.0123456789ab.unfinished`);
    await writeFile(leftover, bytes.subarray(0, 500));
    await writeFile(join(folder, "sha256", "README"), "somebody's own file");
    expect([await store.list(), await store.has(digest), await store.get(digest)]).toEqual([[], false, undefined]);
    await openFileBlobStore(folder);
    expect(await readdir(join(folder, "sha256"))).toEqual(["README"]);
  });

  test("in a folder that a server shares, only once it is old", async () => {
    await openFileBlobStore(folder, { shared: true });
    const young = join(folder, "sha256", "a.unfinished");
    const old = join(folder, "sha256", "b.unfinished");
    for (const path of [young, old]) await writeFile(path, "");
    const yesterday = new Date(Date.now() - 86_400_000);
    await utimes(old, yesterday, yesterday);
    await openFileBlobStore(folder, { shared: true });
    expect(await readdir(join(folder, "sha256"))).toEqual(["a.unfinished"]);
  });

  test("a shared blob is never deleted, and healed by being put again", async () => {
    const store = await openFileBlobStore(folder, { shared: true });
    const digest = await digestOf(bytes);
    await store.put(digest, bytes.subarray(1).slice());
    await store.delete(digest);
    expect(await store.has(digest)).toBe(true);
    await store.put(digest, bytes);
    expect(await store.get(digest)).toEqual(bytes);
  });
});

describe("a disk that refuses", () => {
  test("a folder that cannot be one is STORE_FAILED, with the system's own word as the cause", async () => {
    await writeFile(join(folder, "file"), "");
    const opening = openFileRecordStore(join(folder, "file", "metadata"));
    await expect(opening).rejects.toMatchObject({ code: "STORE_FAILED", cause: { code: "ENOTDIR" } });
  });

  test.each(["ENOSPC", "EDQUOT"])("%s is STORE_FULL", (code) => {
    expect(storeError(Object.assign(new Error(code), { code }), "write x")).toMatchObject({ code: "STORE_FULL", cause: { code } });
  });

  test.skipIf(!canMount())("a disk that is really full (a small file system is mounted for it, which needs root on Linux): old blobs stay, room can be made, nothing is left of the attempt", async () => {
    const disk = join(folder, "disk");
    await mkdir(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", disk]);
    try {
      const store = await openFileBlobStore(disk);
      const journal = await openFileJournalStore(disk, { report: none });
      await journal.write(JOURNAL);
      const blobs = await Promise.all([1, 2].map(async (seed) => {
        const bytes = new Uint8Array(150_000).fill(seed);
        return { digest: await digestOf(bytes), bytes };
      }));
      const [first, second] = blobs as [(typeof blobs)[0], (typeof blobs)[0]];
      await store.put(first.digest, first.bytes);
      await expect(store.put(second.digest, second.bytes)).rejects.toMatchObject({ code: "STORE_FULL", cause: { code: "ENOSPC" } });
      expect(await store.list()).toEqual([{ digest: first.digest, size: 150_000 }]);
      expect(await readdir(join(disk, "sha256"))).toEqual([hexOf(first.digest)]);
      // Fill it to the last page: the journal that is there stays whole.
      await expect(writeFile(join(disk, "filler"), new Uint8Array(300_000))).rejects.toMatchObject({ code: "ENOSPC" });
      await expect(journal.write({ ...JOURNAL, models: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`m${i}`, journalOf(JOURNAL, DIGITS)])) })).rejects.toMatchObject({ code: "STORE_FULL" });
      expect(await (await openFileJournalStore(disk, { report: none })).read()).toEqual(JOURNAL);
      await rm(join(disk, "filler"));
      await store.delete(first.digest);
      await store.put(second.digest, second.bytes);
      expect(await digestOf((await store.get(second.digest)) ?? new Uint8Array(0))).toBe(second.digest);
    } finally {
      execFileSync("umount", ["-l", disk]);
    }
  });
});

/** Containers often lack the right to mount, root or not. */
function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    execFileSync("unshare", ["-m", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
