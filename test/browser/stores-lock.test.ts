import { describe, expect, test } from "vitest";
import { modelName, version } from "../../protocol/names.ts";
import type { Journal } from "../../runtime/ports.ts";
import { commitVersion, emptyJournal } from "../../runtime/store/index.ts";
import { StoresWorker, type OpenedStores } from "../support/stores-in-browser.ts";
import { filledBlob, storesPage } from "../support/stores-page.ts";

/** All the stores of a browser's runtime together: one host at a time writes, and a browser that keeps nothing is told of. */

const at = storesPage();

const JOURNAL: Journal = commitVersion(emptyJournal("0".repeat(32)), modelName("digits"), version(7), { sha256: "a".repeat(64), length: 10 });
const OTHER: Journal = emptyJournal("1".repeat(32));

const stores = (of: StoresWorker, lock: "wait" | "if-available", signal?: AbortSignal): Promise<OpenedStores> => of.ask("stores", ["/", lock], signal);

/** Resolves when somebody waits for the lock. */
async function waiting(count: number): Promise<void> {
  await at.page.waitForFunction(`navigator.locks.query().then(({ pending }) => pending.filter(({ name }) => name === "ashore-store:/").length === ${count})`, undefined, { polling: 20 });
}

describe("two hosts of one scope", () => {
  test("the second waits, and has what the first wrote when the first is terminated", async () => {
    const { journal, settings, persisted } = await stores(at.worker, "wait");
    expect(persisted).toBe(true);
    const second = await at.secondWorker();
    let hasIt = false;
    const opening = stores(second, "wait").then((opened) => {
      hasIt = true;
      return opened;
    });
    await waiting(1);
    await at.worker.journalOf(journal).write(JOURNAL);
    await at.worker.call(settings, "write", [{ server: "https://models.example" }]);
    expect(hasIt).toBe(false);
    await at.page.reload();
    const opened = await opening;
    expect(opened.persisted).toBe(true);
    expect(await second.journalOf(opened.journal).read()).toEqual(JOURNAL);
    expect(await second.call(opened.settings, "read", [])).toEqual({ server: "https://models.example" });
  });

  test("the second has them when the first closes its stores; who gives up waiting is CANCELLED", async () => {
    const first = await stores(at.worker, "wait");
    const second = await at.secondWorker();
    const abort = new AbortController();
    const abandoned = stores(second, "wait", abort.signal);
    const opening = stores(second, "wait");
    await waiting(2);
    abort.abort();
    await expect(abandoned).rejects.toMatchObject({ code: "CANCELLED" });
    await at.worker.call(first.self, "close", []);
    expect((await opening).persisted).toBe(true);
  });

  test("the second of two pages works on what is stored without writing, and adds blobs", async () => {
    const first = await stores(at.worker, "if-available");
    await at.worker.journalOf(first.journal).write(JOURNAL);
    await at.worker.recordsOf(first.metadata).write("root", new Uint8Array([1]));
    const [digest, bytes] = await filledBlob(1_000);
    await at.worker.blobsOf(first.blobs).put(digest, bytes);

    const second = await at.secondWorker();
    const opened = await stores(second, "if-available");
    expect([first.persisted, opened.persisted]).toEqual([true, false]);
    const [journal, records, blobs] = [second.journalOf(opened.journal), second.recordsOf(opened.metadata), second.blobsOf(opened.blobs)];
    expect(await journal.read()).toEqual(JOURNAL);
    expect(await records.read("root")).toEqual(new Uint8Array([1]));
    expect(await blobs.get(digest)).toEqual(bytes);

    await journal.write(OTHER);
    await records.delete("root");
    await records.write("timestamp", new Uint8Array([2]));
    await second.call(opened.settings, "write", ["its own"]);
    expect([await journal.read(), await records.read("root"), await records.read("timestamp"), await second.call(opened.settings, "read", [])]).toEqual([OTHER, undefined, new Uint8Array([2]), "its own"]);
    expect(await at.worker.journalOf(first.journal).read()).toEqual(JOURNAL);
    expect([await at.worker.recordsOf(first.metadata).read("root"), await at.worker.recordsOf(first.metadata).read("timestamp"), await at.worker.call(first.settings, "read", [])]).toEqual([new Uint8Array([1]), undefined, undefined]);

    const [added, more] = await filledBlob(500);
    await blobs.put(added, more);
    expect(await at.worker.blobsOf(first.blobs).get(added)).toEqual(more);
    await blobs.delete(digest);
    expect(await at.worker.blobsOf(first.blobs).get(digest), "another's journal needs it").toEqual(bytes);
    expect(await second.ask("problems"), "a second tab is no problem").toEqual([]);
  });

  test("a lock that other code steals is reported", async () => {
    await stores(at.worker, "wait");
    await at.otherCode(`await navigator.locks.request("ashore-store:/", { steal: true }, () => undefined);`);
    await expect.poll(() => at.worker.ask<readonly string[]>("problems")).toEqual([expect.stringMatching(/^STORE_LOCKED /)]);
  });
});

test("a frame that may keep nothing has stores in memory, and says so once", async () => {
  await at.page.setContent(`<iframe sandbox="allow-scripts" srcdoc="<!doctype html>"></iframe>`);
  const frame = at.page.frames()[1];
  const [started] = await Promise.all([
    at.page.waitForEvent("worker"),
    frame?.evaluate(`void new Worker(URL.createObjectURL(new Blob([${JSON.stringify(at.site.script)}])))`),
  ]);
  const sandboxed = new StoresWorker(started);
  const opened = await stores(sandboxed, "wait");
  expect(opened.persisted).toBe(false);
  await sandboxed.journalOf(opened.journal).write(JOURNAL);
  expect(await sandboxed.journalOf(opened.journal).read()).toEqual(JOURNAL);
  const [digest, bytes] = await filledBlob(100);
  await sandboxed.blobsOf(opened.blobs).put(digest, bytes);
  expect(await sandboxed.blobsOf(opened.blobs).get(digest)).toEqual(bytes);
  expect(await sandboxed.ask("problems")).toEqual([expect.stringMatching(/^STORE_FAILED This browser keeps nothing for this page: /)]);
});
