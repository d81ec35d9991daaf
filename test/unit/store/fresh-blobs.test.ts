import { expect, test } from "vitest";
import { digestOf } from "../../../protocol/digest.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { freshBlobs, memoryBlobs } from "../../../runtime/store/index.ts";

const blob = async (text: string) => {
  const bytes = new TextEncoder().encode(text);
  return { bytes, digest: await digestOf(bytes) };
};

test("the first reader gets what was put out of memory, later ones get what the store has", async () => {
  const store = memoryBlobs();
  let reads = 0;
  const blobs = freshBlobs({ ...store, get: (digest) => (reads++, store.get(digest)) });
  const { bytes, digest } = await blob("shard");
  await blobs.put(digest, bytes);
  expect([await blobs.get(digest), reads]).toEqual([bytes, 0]);
  // The first reader may have given the buffer away.
  structuredClone(bytes, { transfer: [bytes.buffer] });
  expect([new TextDecoder().decode(await blobs.get(digest)), reads]).toEqual(["shard", 1]);
});

test("what the store refused, deleted, or nobody came for is not given out", async () => {
  const store = memoryBlobs();
  const { bytes, digest } = await blob("shard");
  const refusing = freshBlobs({ ...store, put: () => Promise.reject(new Error("no room")) });
  await expect(refusing.put(digest, bytes)).rejects.toThrow("no room");
  expect(await refusing.get(digest)).toBeUndefined();

  const blobs = freshBlobs({ ...store, get: async () => undefined });
  await blobs.put(digest, bytes);
  await blobs.delete(digest);
  expect(await blobs.get(digest)).toBeUndefined();
  await blobs.put(digest, bytes);
  blobs.forget();
  expect(await blobs.get(digest)).toBeUndefined();
});

test("keeps no more than its bound, the latest", async () => {
  const blobs = freshBlobs({ ...memoryBlobs(), put: async () => undefined, get: async () => undefined });
  const half = new Uint8Array(LIMITS.freshBlobBytes / 2);
  const names = await Promise.all(["a", "b", "c"].map(async (name) => (await blob(name)).digest));
  for (const digest of names) await blobs.put(digest, half);
  expect(await Promise.all(names.map(async (digest) => (await blobs.get(digest)) === half))).toEqual([false, true, true]);
});
