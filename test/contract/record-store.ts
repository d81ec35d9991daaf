import { describe, expect, test } from "vitest";
import type { RecordStore } from "../../runtime/ports.ts";
import type { StoreUnderTest } from "./blob-store.ts";

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Names that signers may choose, to get out of a folder or onto one another. */
const NAMES = ["timestamp", "1.root", "1", "root.json", "Root.json", "../x", "../../etc/passwd", "/x", "a/b", "a%2fb", "a\\b", "?", "#", ".", "..", ".hidden", "é", "e\u0301", "名前", "a b", "con", "", "x".repeat(40)];

/** What every {@link RecordStore} does. */
export function recordStoreContract(name: string, make: () => Promise<StoreUnderTest<RecordStore>>): void {
  describe(`${name} as a record store`, () => {
    async function withStore(use: (store: RecordStore, reopen: () => Promise<RecordStore>) => Promise<void>): Promise<void> {
      const { open, close } = await make();
      try {
        await use(await open(), open);
      } finally {
        await close?.();
      }
    }

    test("answers undefined for a record that it does not have, and deletes it without a word", () =>
      withStore(async (store) => {
        expect(await store.read("timestamp")).toBeUndefined();
        await store.delete("timestamp");
      }));

    test("keeps records of any names apart, byte for byte, also after it is opened again", () =>
      withStore(async (store, reopen) => {
        for (const record of NAMES) await store.write(record, bytesOf(`bytes of ${record}`));
        for (const opened of [store, await reopen()]) {
          for (const record of NAMES) expect(await opened.read(record), record).toEqual(bytesOf(`bytes of ${record}`));
        }
        for (const record of NAMES) await store.delete(record);
        for (const record of NAMES) expect(await store.read(record), record).toBeUndefined();
      }));

    test("has the last of many writes, of any size", () =>
      withStore(async (store, reopen) => {
        for (const size of [5_000_000, 0, 1, 70_000]) {
          await store.write("targets", new Uint8Array(size).fill(7));
          const bytes = await (await reopen()).read("targets");
          expect([bytes?.byteLength, bytes?.every((byte) => byte === 7)]).toEqual([size, true]);
        }
      }));

    test("a read beside writes sees one of them whole", () =>
      withStore(async (store) => {
        await store.write("snapshot", new Uint8Array(1000).fill(1));
        const writes = Promise.all([2, 3].map((n) => store.write("snapshot", new Uint8Array(n * 100_000).fill(n))));
        for (let i = 0; i < 8; i++) {
          const bytes = await store.read("snapshot");
          const first = bytes?.[0] ?? 0;
          expect(bytes?.every((byte) => byte === first) && bytes.byteLength === (first === 1 ? 1000 : first * 100_000)).toBe(true);
        }
        await writes;
      }));

    test("refuses with CANCELLED under an aborted signal, and keeps what it had", () =>
      withStore(async (store) => {
        await store.write("root", bytesOf("one"));
        const signal = AbortSignal.abort();
        await expect(store.write("root", bytesOf("two"), { signal })).rejects.toMatchObject({ code: "CANCELLED" });
        await expect(store.read("root", { signal })).rejects.toMatchObject({ code: "CANCELLED" });
        expect(await store.read("root")).toEqual(bytesOf("one"));
      }));
  });
}
