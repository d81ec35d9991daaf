import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { digestOf, digestOfHex, type Digest } from "../../../protocol/digest.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { Manifest } from "../../../protocol/manifest.ts";
import { modelName } from "../../../protocol/names.ts";
import type { BlobStore } from "../../../runtime/ports.ts";
import { journalOf, memoryBlobs, memoryJournal, readManifest, readVariant } from "../../../runtime/store/index.ts";
import { blobsOf, type Progress } from "../../../runtime/sync/index.ts";
import { deviceOf, gate, serverOf } from "./make-device.ts";
import { publishVersion, republish, type PublishedVersion } from "./make-version.ts";

const DIGITS = modelName("digits");

/** The version with its first shard carried by these encodings instead. */
function withEncodings(manifest: Manifest, change: (shard: Manifest["variants"][number]["shards"][number]) => Manifest["variants"][number]["shards"][number]["encodings"]): Manifest {
  return {
    ...manifest,
    variants: manifest.variants.map((variant) => ({ ...variant, shards: variant.shards.map((shard, at) => (at === 0 ? { ...shard, encodings: change(shard) } : shard)) })),
  };
}

async function digestsStored(store: BlobStore): Promise<Set<Digest>> {
  return new Set((await store.list()).map(({ digest }) => digest));
}

describe("bringing a version in", () => {
  test("stores the manifest and every blob, in the smallest encodings, commits, and tells every byte", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1, 2, 3] });
    const server = serverOf([v1]);
    const device = await deviceOf({ fetch: server.fetch, versions: [v1] });
    const progress: Progress[] = [];
    const { persisted, manifest } = await device.fetcher.fetch(v1.request, { onProgress: (step) => progress.push(step) });
    expect(persisted).toBe(true);
    expect(journalOf(device.keeper.current(), DIGITS).held).toEqual([{ version: 1, manifest: v1.request.manifest }]);
    expect(await readManifest(device.blobs, v1.request.manifest)).toEqual(v1.manifest);
    for (const [digest, bytes] of v1.blobs) expect(await device.blobs.get(digest)).toEqual(bytes);
    const smallest = blobsOf(manifest).map(({ encodings }) => Math.min(...encodings.map(({ size }) => size)));
    const totalBytes = smallest.reduce((a, b) => a + b);
    expect(server.requests.length).toBe(smallest.length);
    expect(progress[0]).toEqual({ bytes: 0, totalBytes });
    expect(progress.at(-1)).toEqual({ bytes: totalBytes, totalBytes });
    expect(progress.every(({ bytes }, at) => bytes >= (progress[at - 1]?.bytes ?? 0)), "it never falls").toBe(true);
  });

  test("gives the engine its bytes out of the store, separately even where two shards are the same", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1, 2, 1] });
    const device = await deviceOf({ fetch: serverOf([v1]).fetch, versions: [v1] });
    const { variant } = await device.fetcher.fetch(v1.request);
    const read = await readVariant(device.blobs, variant);
    if (!read.whole) throw new Error("It was stored.");
    expect(read.bytes.shards.length).toBe(3);
    expect(new Set(read.bytes.shards.map(({ buffer }) => buffer)).size).toBe(3);
    expect(await Promise.all(read.bytes.shards.map(digestOf))).toEqual(variant.shards.map(({ digest }) => digest));
  });

  test("makes no request for a version that is all here, and commits it again: a lost journal costs no download", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1, 2] });
    const blobs = memoryBlobs();
    await (await deviceOf({ fetch: serverOf([v1]).fetch, versions: [v1], blobs })).fetcher.fetch(v1.request);
    const again = await deviceOf({ fetch: () => expect.fail("nothing is missing"), versions: [], blobs, journal: memoryJournal() });
    await again.fetcher.fetch(v1.request);
    expect(journalOf(again.keeper.current(), DIGITS).held.map(({ version }) => version)).toEqual([1]);
  });

  test("fetches of the next version only what changed", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1, 2, 3, 4] });
    const v2 = await publishVersion({ version: 2, shards: [1, 2, 3, 5] });
    const server = serverOf([v1, v2]);
    const device = await deviceOf({ fetch: server.fetch, versions: [v1, v2] });
    await device.fetcher.fetch(v1.request);
    const before = server.requests.length;
    await device.fetcher.fetch(v2.request);
    // The last shard and the graph; index and asset are the same.
    expect(server.requests.length - before).toBe(2);
  });

  test("drops a stored blob that was damaged, and fetches that one again", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1, 2] });
    const server = serverOf([v1]);
    const blobs = memoryBlobs();
    const device = await deviceOf({ fetch: server.fetch, versions: [v1], blobs });
    const { variant } = await device.fetcher.fetch(v1.request);
    const [shard] = variant.shards;
    if (shard === undefined) throw new Error("It has shards.");
    await blobs.put(shard.digest, new Uint8Array(shard.size));
    expect(await readVariant(device.blobs, variant)).toEqual({ whole: false, missing: [shard] });
    expect(await blobs.has(shard.digest)).toBe(false);
    expect(device.events).toMatchObject([{ type: "problem", error: { code: "DIGEST_MISMATCH" } }]);
    const before = server.requests.length;
    await device.fetcher.fetch(v1.request);
    expect(server.requests.length - before).toBe(1);
    expect((await readVariant(device.blobs, variant)).whole).toBe(true);
  });

  test.each<[string, (v1: PublishedVersion, v2: PublishedVersion) => PublishedVersion["request"], string]>([
    ["a manifest signed under another version's path", (v1, v2) => ({ ...v2.request, manifest: v1.request.manifest }), "METADATA_MISMATCH"],
    ["a manifest that is shorter than was signed for", (v1) => ({ ...v1.request, manifest: { ...v1.request.manifest, length: v1.request.manifest.length + 1 } }), "SIZE_MISMATCH"],
    ["a manifest that nobody signed", (v1) => ({ ...v1.request, manifest: { sha256: "0".repeat(64), length: 1 } }), "TARGET_NOT_FOUND"],
  ])("refuses %s", async (_, request, code) => {
    const v1 = await publishVersion({ version: 1, shards: [1] });
    const v2 = await publishVersion({ version: 2, shards: [2] });
    const server = serverOf([v1, v2]);
    const device = await deviceOf({ fetch: server.fetch, versions: [v1, v2] });
    await expect(device.fetcher.fetch(request(v1, v2))).rejects.toMatchObject({ code });
    expect(server.requests).toEqual([]);
    expect(device.keeper.current().models).toEqual({});
  });
});

describe("encodings", () => {
  test("one that does not decode to what was signed for gives way to the next, and is not tried first again", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1] });
    const wrong = new Uint8Array(gzipSync(new Uint8Array(4096)));
    const digest = await digestOf(wrong);
    const manifest = withEncodings(v1.manifest, ({ encodings }) => [{ codec: "gzip", digest, size: wrong.byteLength }, ...encodings]);
    const published = await republish(v1, manifest, new Map([[digest, wrong]]));
    const server = serverOf([published]);
    const device = await deviceOf({ fetch: server.fetch, versions: [published] });
    const { variant } = await device.fetcher.fetch(published.request);
    expect(server.requests).toContain(digest);
    const shard = variant.shards[0]?.digest ?? digest;
    expect(await device.blobs.has(shard)).toBe(true);
    expect(await digestsStored(device.blobs)).not.toContain(digest);
    await device.blobs.delete(shard);
    server.requests.length = 0;
    await device.fetcher.fetch(published.request);
    expect(server.requests.length).toBe(1);
    expect(server.requests).not.toContain(digest);
  });

  test("one that the server no longer has gives way to the next", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1] });
    const gone = digestOfHex("d".repeat(64));
    const published = await republish(v1, withEncodings(v1.manifest, ({ encodings }) => [{ codec: "gzip", digest: gone, size: 10 }, ...encodings]));
    const server = serverOf([published]);
    const device = await deviceOf({ fetch: server.fetch, versions: [published] });
    await device.fetcher.fetch(published.request);
    expect(server.requests.filter((digest) => digest === gone).length, "a 404 is not retried").toBe(1);
  });

  test.each<[string, (blobs: BlobStore, base: Digest) => Promise<void>, number]>([
    ["is not held", async () => undefined, 0],
    ["turns out to be damaged", (blobs, base) => blobs.put(base, new Uint8Array(3)), 0],
  ])("one against an older blob that %s gives way to a full one", async (_, prepare, requests) => {
    const v1 = await publishVersion({ version: 1, shards: [1] });
    const base = digestOfHex("b".repeat(64));
    const against = digestOfHex("d".repeat(64));
    const published = await republish(v1, withEncodings(v1.manifest, ({ encodings }) => [{ codec: "gzip", digest: against, size: 10, base }, ...encodings]));
    const server = serverOf([published]);
    const blobs = memoryBlobs();
    await prepare(blobs, base);
    const device = await deviceOf({ fetch: server.fetch, versions: [published], blobs });
    await device.fetcher.fetch(published.request);
    expect(server.requests.filter((digest) => digest === against).length, "no byte is fetched in vain").toBe(requests);
    expect(journalOf(device.keeper.current(), DIGITS).held.length).toBe(1);
  });

  test("a blob in unknown encodings alone is refused by their names", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1] });
    const published = await republish(v1, withEncodings(v1.manifest, ({ encodings }) => encodings.slice(0, 1).map((encoding) => ({ ...encoding, codec: "zstd" }))));
    const device = await deviceOf({ fetch: serverOf([published]).fetch, versions: [published] });
    await expect(device.fetcher.fetch(published.request)).rejects.toMatchObject({ code: "UNIMPLEMENTED", message: expect.stringContaining("zstd") as string });
  });
});

describe("many who want the same", () => {
  test("share one fetch, one commit, and its progress", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1, 2, 3] });
    const server = serverOf([v1]);
    let commits = 0;
    const journal = memoryJournal();
    const device = await deviceOf({ fetch: server.fetch, versions: [v1], journal: { ...journal, write: (next) => (commits++, journal.write(next)) } });
    commits = 0;
    const last: (Progress | undefined)[] = [undefined, undefined, undefined];
    const all = await Promise.all(last.map((_, i) => device.fetcher.fetch(v1.request, { onProgress: (step) => (last[i] = step) })));
    expect(new Set(all).size).toBe(1);
    expect(server.requests.length).toBe(6);
    expect(commits).toBe(1);
    expect(new Set(last).size).toBe(1);
    expect(last[0]?.bytes).toBe(last[0]?.totalBytes);
    expect(device.fetcher.fetching()).toEqual([]);
  });

  test("two versions that share shards, at once, fetch each shard once, at most four at a time", async () => {
    const shared = Array.from({ length: 12 }, (_, i) => i + 1);
    const v1 = await publishVersion({ version: 1, shards: [...shared, 100] });
    const v2 = await publishVersion({ version: 2, shards: [...shared, 200] });
    let open = 0;
    let most = 0;
    const server = serverOf([v1, v2], async () => {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setImmediate(resolve));
      open--;
      return undefined;
    });
    const device = await deviceOf({ fetch: server.fetch, versions: [v1, v2] });
    await Promise.all([v1, v2].map(({ request }) => device.fetcher.fetch(request)));
    expect(server.requests.length).toBe(new Set(server.requests).size);
    expect(most).toBe(LIMITS.parallelFetches);
    expect(journalOf(device.keeper.current(), DIGITS).held.map(({ version }) => version)).toEqual([1, 2]);
  });

  test("one who leaves does not stop it for the others; it stops when all have left, and goes on next time from what it has", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1, 2, 3, 4, 5, 6, 7, 8] });
    const hold = gate();
    const halfway = gate();
    const aborted: unknown[] = [];
    let served = 0;
    const server = serverOf([v1], (_, init) => {
      if (++served <= 5) return undefined;
      if (served === 6) halfway.open();
      init?.signal?.addEventListener("abort", () => aborted.push(init.signal?.reason));
      return hold.passed.then(() => new Response("late"));
    });
    const device = await deviceOf({ fetch: server.fetch, versions: [v1] });
    const first = new AbortController();
    const second = new AbortController();
    const both = [first, second].map(({ signal }) => device.fetcher.fetch(v1.request, { signal }));
    const outcome = Promise.allSettled(both);
    await halfway.passed;
    first.abort();
    await expect(both[0]).rejects.toMatchObject({ code: "CANCELLED" });
    expect(aborted).toEqual([]);
    second.abort();
    await expect(both[1]).rejects.toMatchObject({ code: "CANCELLED" });
    await outcome;
    const kept = await digestsStored(device.blobs);
    expect(journalOf(device.keeper.current(), DIGITS).held).toEqual([]);
    server.requests.length = 0;
    served = -100;
    await device.fetcher.fetch(v1.request);
    expect(server.requests.length, "what was whole is not fetched again").toBe(v1.blobs.size - (kept.size - 1));
    expect(aborted.length).toBeGreaterThan(0);
  });

  test("a request under an aborted signal starts nothing", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1] });
    const server = serverOf([v1]);
    const device = await deviceOf({ fetch: server.fetch, versions: [v1] });
    await expect(device.fetcher.fetch(v1.request, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
    expect(server.requests).toEqual([]);
  });
});

describe("a full store", () => {
  /** A store of so many bytes. */
  function bounded(capacity: number): BlobStore {
    const store = memoryBlobs();
    return {
      ...store,
      put: async (digest, bytes, options) => {
        const used = (await store.list()).reduce((sum, { digest: other, size }) => (other === digest ? sum : sum + size), 0);
        if (used + bytes.byteLength > capacity) throw new AshoreError("STORE_FULL", "no room");
        await store.put(digest, bytes, options);
      },
    };
  }

  test("gives up what no kept version needs, and takes the new version in", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1, 2, 3] });
    const v2 = await publishVersion({ version: 2, shards: [4, 5, 6] });
    const blobs = bounded(21_000);
    const device = await deviceOf({ fetch: serverOf([v1, v2]).fetch, versions: [v1, v2], blobs });
    await blobs.put(digestOfHex("e".repeat(64)), new Uint8Array(4000));
    await device.fetcher.fetch(v1.request);
    await device.keeper.update((journal) => ({ ...journal, models: {} }));
    expect((await device.fetcher.fetch(v2.request)).persisted).toBe(true);
    const stored = await digestsStored(blobs);
    for (const { digest } of blobsOf(v2.manifest)) expect(stored).toContain(digest);
    expect(stored).not.toContain(digestOfHex("e".repeat(64)));
    expect(device.events).toEqual([]);
  });

  test("keeps what a held version needs, runs the new one from memory, says so, and a restart finds the stored one", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1, 2, 3] });
    const v2 = await publishVersion({ version: 2, shards: [4, 5, 6] });
    const blobs = bounded(21_000);
    const journal = memoryJournal();
    const device = await deviceOf({ fetch: serverOf([v1, v2]).fetch, versions: [v1, v2], blobs, journal });
    await device.fetcher.fetch(v1.request);
    await device.keeper.update((now) => ({ ...now, models: { ...now.models, digits: { ...journalOf(now, DIGITS), served: { version: v1.request.version, metadataVersion: 1 } } } }));
    const { persisted, variant } = await device.fetcher.fetch(v2.request);
    expect(persisted).toBe(false);
    expect((await readVariant(device.blobs, variant)).whole).toBe(true);
    expect(device.events.map((event) => event.type === "problem" && event.error.code)).toContain("STORE_FULL");
    expect(journalOf(device.keeper.current(), DIGITS).held.map(({ version }) => version)).toEqual([1, 2]);
    await device.keeper.update((now) => ({ ...now, models: { ...now.models, digits: { ...journalOf(now, DIGITS), served: { version: v2.request.version, metadataVersion: 2 } } } }));

    const restarted = await deviceOf({ fetch: () => expect.fail("offline"), versions: [], blobs, journal });
    expect(journalOf(restarted.keeper.current(), DIGITS)).toMatchObject({ held: [{ version: 1 }], served: { version: 1 } });
    expect(await Promise.all(v1.manifest.variants.map(async (stored) => (await readVariant(restarted.blobs, stored)).whole))).toEqual([true]);
  });
});
