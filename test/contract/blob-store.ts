import { describe, expect, test } from "vitest";
import { digestOf, type Digest } from "../../protocol/digest.ts";
import { asAshoreError } from "../../protocol/errors.ts";
import type { BlobStore } from "../../runtime/ports.ts";

/** How a store comes into a test: the same one again at each `open`, so that what is durable is seen to be. */
export interface StoreUnderTest<Store> {
  readonly open: () => Promise<Store>;
  readonly close?: () => Promise<void>;
}

const MIB = 1024 * 1024;

function pattern(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0, state = seed | 1; at < size; at++, state = (Math.imul(state, 1664525) + 1013904223) >>> 0) bytes[at] = state >>> 24;
  return bytes;
}

/** What every {@link BlobStore} does. */
export function blobStoreContract(name: string, make: () => Promise<StoreUnderTest<BlobStore>>): void {
  describe(`${name} as a blob store`, () => {
    async function withStore(use: (store: BlobStore, reopen: () => Promise<BlobStore>) => Promise<void>): Promise<void> {
      const { open, close } = await make();
      try {
        await use(await open(), open);
      } finally {
        await close?.();
      }
    }

    async function blob(size: number, seed = size): Promise<readonly [Digest, Uint8Array<ArrayBuffer>]> {
      const bytes = pattern(size, seed);
      return [await digestOf(bytes), bytes];
    }

    test("answers undefined, and no, for a blob that it does not have", () =>
      withStore(async (store) => {
        const [digest] = await blob(10);
        expect(await store.get(digest)).toBeUndefined();
        expect(await store.has(digest)).toBe(false);
        expect(await store.list()).toEqual([]);
        await store.delete(digest);
      }));

    test.each([["no bytes", 0], ["one byte", 1], ["a pooled size", 1000], ["a shard of 16 MiB and a bit", 16 * MIB + 3]])("gives %s back as they were put, also after it is opened again", (_, size) =>
      withStore(async (store, reopen) => {
        const [digest, bytes] = await blob(size);
        await store.put(digest, bytes);
        for (const opened of [store, await reopen()]) {
          const got = await opened.get(digest);
          expect(got?.byteLength).toBe(size);
          expect(await digestOf(got ?? new Uint8Array(1))).toBe(digest);
          expect(await opened.has(digest)).toBe(true);
          expect(await opened.list()).toEqual([{ digest, size }]);
        }
      }));

    test("is not touched by what callers do to their buffers, transfer included", () =>
      withStore(async (store) => {
        const [digest, bytes] = await blob(4096);
        await store.put(digest, bytes);
        bytes.fill(0);
        const first = await store.get(digest);
        const second = await store.get(digest);
        first?.fill(1);
        if (second !== undefined) structuredClone(second.buffer, { transfer: [second.buffer] });
        expect(second?.buffer.byteLength, "the buffer is the caller's, whole").toBe(0);
        expect(await digestOf((await store.get(digest)) ?? new Uint8Array(1))).toBe(digest);
      }));

    test("deletes, and lists what is left", () =>
      withStore(async (store, reopen) => {
        const blobs = await Promise.all([blob(100), blob(200), blob(300)]);
        for (const [digest, bytes] of blobs) await store.put(digest, bytes);
        await store.delete(blobs[1][0]);
        const left = [{ digest: blobs[0][0], size: 100 }, { digest: blobs[2][0], size: 300 }];
        const sorted = [...(await (await reopen()).list())].sort((a, b) => a.size - b.size);
        expect(sorted).toEqual(left);
        expect(await store.get(blobs[1][0])).toBeUndefined();
        expect(await store.has(blobs[1][0])).toBe(false);
      }));

    test("replaces damaged bytes by a put under the same digest", () =>
      withStore(async (store) => {
        const [digest, bytes] = await blob(5000);
        const damaged = bytes.slice(0, 4000);
        await store.put(digest, damaged);
        expect((await store.get(digest))?.byteLength).toBe(4000);
        await store.put(digest, bytes);
        expect(await digestOf((await store.get(digest)) ?? new Uint8Array(1))).toBe(digest);
      }));

    test("never shows a blob half written, however reads, writes and deletes of it interleave", () =>
      withStore(async (store) => {
        const [digest, bytes] = await blob(MIB);
        const seen: (Digest | undefined)[] = [];
        const read = async (): Promise<void> => {
          for (let i = 0; i < 12; i++) {
            const got = await store.get(digest);
            seen.push(got && (await digestOf(got)));
          }
        };
        const write = async (): Promise<void> => {
          for (let i = 0; i < 6; i++) await store.put(digest, bytes);
        };
        const remove = async (): Promise<void> => {
          for (let i = 0; i < 4; i++) await store.delete(digest);
        };
        await Promise.all([read(), read(), write(), write(), remove()]);
        expect(seen.filter((of) => of !== undefined && of !== digest)).toEqual([]);
      }));

    test("refuses with CANCELLED under an aborted signal, and keeps nothing", () =>
      withStore(async (store) => {
        const [digest, bytes] = await blob(1000);
        const signal = AbortSignal.abort();
        await expect(store.put(digest, bytes, { signal })).rejects.toMatchObject({ code: "CANCELLED" });
        expect(await store.list()).toEqual([]);
        await store.put(digest, bytes);
        await expect(store.get(digest, { signal })).rejects.toMatchObject({ code: "CANCELLED" });
      }));

    test("an abort in the middle of a put leaves all of the blob or nothing", () =>
      withStore(async (store, reopen) => {
        const [digest, bytes] = await blob(8 * MIB);
        const abort = new AbortController();
        const put = store.put(digest, bytes, { signal: abort.signal });
        await Promise.resolve();
        abort.abort();
        const outcome = await put.then(() => "stored", (thrown: unknown) => asAshoreError(thrown).code);
        expect(["stored", "CANCELLED"]).toContain(outcome);
        const got = await (await reopen()).get(digest);
        expect([undefined, digest]).toContain(got && (await digestOf(got)));
      }));
  });
}
