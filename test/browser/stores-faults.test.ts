import { describe, expect, test } from "vitest";
import { modelName, version } from "../../protocol/names.ts";
import type { Journal } from "../../runtime/ports.ts";
import { commitVersion, emptyJournal } from "../../runtime/store/index.ts";
import { filledBlob, storesPage } from "../support/stores-page.ts";

/** What other code, damage and a full disk do to a browser's stores. */

const at = storesPage();

const JOURNAL: Journal = commitVersion(emptyJournal("0".repeat(32)), modelName("digits"), version(7), { sha256: "a".repeat(64), length: 10 });
const OTHER: Journal = emptyJournal("1".repeat(32));

const DELETE_DATABASES = `
  for (const { name } of await indexedDB.databases()) {
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = () => resolve();
      request.onblocked = request.onerror = () => reject(new Error("refused"));
    });
  }`;

describe("under an open store", () => {
  test.each([
    ["its cache is deleted", () => at.otherCode(`for (const name of await caches.keys()) await caches.delete(name)`)],
    ["the site's data are cleared", () => at.clearSiteData()],
  ])("%s: its blobs are gone, and what is put next is kept", async (_, happens) => {
    const store = await at.worker.blobs("ashore-blobs:/");
    const [digest, bytes] = await filledBlob(2_000);
    await store.put(digest, bytes);
    await happens();
    expect([await store.get(digest), await store.has(digest), await store.list()]).toEqual([undefined, false, []]);
    await store.delete(digest);
    await store.put(digest, bytes);
    for (const opened of [store, await at.worker.blobs("ashore-blobs:/")]) {
      expect(await opened.get(digest)).toEqual(bytes);
      expect(await opened.list()).toEqual([{ digest, size: 2_000 }]);
    }
  });

  test.each([
    ["its database is deleted, which nothing holds up", () => at.otherCode(DELETE_DATABASES)],
    ["the site's data are cleared", () => at.clearSiteData()],
    ["other code makes a database of its name anew, of a higher version and without its object store", () => at.otherCode(`${DELETE_DATABASES}
      await new Promise((resolve) => {
        indexedDB.open("ashore:/", 3).onsuccess = ({ target }) => { target.result.close(); resolve(); };
      });`)],
  ])("%s: it is empty, and what is written next is kept", async (_, happens) => {
    const [journal, records] = [await at.worker.journal("ashore:/"), await at.worker.records("ashore:/")];
    await journal.write(JOURNAL);
    await records.write("root", new Uint8Array([1, 2]));
    await happens();
    expect([await journal.read(), await records.read("root")]).toEqual([undefined, undefined]);
    await records.write("root", new Uint8Array([3]));
    await journal.write(OTHER);
    expect(await (await at.worker.journal("ashore:/")).read()).toEqual(OTHER);
    expect(await (await at.worker.records("ashore:/")).read("root")).toEqual(new Uint8Array([3]));
  });

  test("its connection is closed without a word: reads and writes do not notice", async () => {
    const journal = await at.worker.journal("ashore:/");
    await journal.write(JOURNAL);
    await at.worker.ask("loseConnection");
    expect(await journal.read()).toEqual(JOURNAL);
    await at.worker.ask("loseConnection");
    await journal.write(OTHER);
    expect(await (await at.worker.journal("ashore:/")).read()).toEqual(OTHER);
  });

  test("the first write after its database went is kept too", async () => {
    const journal = await at.worker.journal("ashore:/");
    await journal.write(JOURNAL);
    await at.otherCode(DELETE_DATABASES);
    await journal.write(OTHER);
    expect(await (await at.worker.journal("ashore:/")).read()).toEqual(OTHER);
  });
});

describe("damage", () => {
  test("a blob changed in the cache, or cut short, is reported, dropped, and there again once it is put", async () => {
    const store = await at.worker.blobs("ashore-blobs:/", "verified");
    const [digest, bytes] = await filledBlob(5_000);
    for (const [damage, size] of [["bytes[100] ^= 1", 5_000], ["bytes = bytes.slice(1000)", 4_000]] as const) {
      await store.put(digest, bytes);
      expect(await store.get(digest)).toEqual(bytes);
      await at.otherCode(`
        const cache = await caches.open("ashore-blobs:/");
        const [request] = await cache.keys();
        let bytes = new Uint8Array(await (await cache.match(request)).arrayBuffer());
        ${damage};
        await cache.put(request.url, new Response(bytes));`);
      expect(await store.list(), "by what is there").toEqual([{ digest, size }]);
      expect(await store.get(digest)).toBeUndefined();
      expect(await store.list()).toEqual([]);
    }
    expect(await at.worker.ask("problems")).toEqual([expect.stringMatching(/^DIGEST_MISMATCH .*5000 bytes/), expect.stringMatching(/^DIGEST_MISMATCH .*4000 bytes/)]);
  });

  test("what other code put into the cache is neither listed nor touched", async () => {
    const store = await at.worker.blobs("ashore-blobs:/");
    const [digest, bytes] = await filledBlob(10);
    await store.put(digest, bytes);
    await at.otherCode(`
      const cache = await caches.open("ashore-blobs:/");
      await cache.put("/index.html", new Response("<!doctype html>"));
      await cache.put("/.ashore/blobs/sha256/nonsense", new Response(""));`);
    expect(await store.list()).toEqual([{ digest, size: 10 }]);
  });

  test.each([
    ["STORE_CORRUPT", { ...JOURNAL, installSecret: "short" }],
    ["STORE_CORRUPT", "a text"],
    ["STORE_NEWER", { schemaVersion: 2, models: [] }],
  ])("a journal that is none is %s", async (code, value) => {
    const values = await at.worker.ask<number>("values", ["ashore:/"]);
    await at.worker.call(values, "set", ["journal", value]);
    await expect((await at.worker.journal("ashore:/")).read()).rejects.toMatchObject({ code });
  });
});

describe("a quota of 1 MB", () => {
  test("a blob that does not fit is STORE_FULL with the figures; what was there stays, and deleting it makes room", async () => {
    await at.setQuota(1_000_000);
    const store = await at.worker.blobs("ashore-blobs:/");
    const [first, second] = [await filledBlob(600_000, 1), await filledBlob(600_000, 2)];
    await store.put(...first);
    await expect(store.put(...second)).rejects.toMatchObject({ code: "STORE_FULL", message: expect.stringMatching(/600000 bytes.*uses \d+ of the \d+ bytes/) as string });
    expect(await store.list()).toEqual([{ digest: first[0], size: 600_000 }]);
    expect(await store.get(first[0])).toEqual(first[1]);
    await store.delete(first[0]);
    await store.put(...second);
    expect(await store.get(second[0])).toEqual(second[1]);
  });

  test("a record that does not fit is STORE_FULL, and the one before it stays", async () => {
    await at.setQuota(1_000_000);
    const records = await at.worker.records("ashore:/");
    await records.write("targets", new Uint8Array(10).fill(1));
    await expect(records.write("targets", new Uint8Array(4_000_000))).rejects.toMatchObject({ code: "STORE_FULL" });
    expect(await records.read("targets")).toEqual(new Uint8Array(10).fill(1));
  });
});
