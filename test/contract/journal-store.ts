import { describe, expect, test } from "vitest";
import { digestOfHex } from "../../protocol/digest.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { modelName, version } from "../../protocol/names.ts";
import type { Journal, JournalStore } from "../../runtime/ports.ts";
import { commitVersion, emptyJournal, markFailed, markServed, setConfig } from "../../runtime/store/index.ts";
import type { StoreUnderTest } from "./blob-store.ts";

const SECRET = "0123456789abcdef0123456789abcdef";

/** A journal of `count` versions, with everything in it that a journal can have. */
function journalOf(count: number): Journal {
  const model = modelName("digits.v1_x");
  let journal = emptyJournal(SECRET);
  for (let n = 1; n <= count; n++) {
    const target = { sha256: n.toString(16).padStart(64, "0"), length: n };
    journal = commitVersion(journal, model, version(n), target);
    journal = setConfig(journal, model, target, n);
    journal = markServed(journal, model, version(n), n);
    journal = markFailed(journal, model, digestOfHex(target.sha256));
  }
  return journal;
}

/** What every {@link JournalStore} does. */
export function journalStoreContract(name: string, make: () => Promise<StoreUnderTest<JournalStore>>): void {
  describe(`${name} as a journal store`, () => {
    async function withStore(use: (store: JournalStore, reopen: () => Promise<JournalStore>) => Promise<void>): Promise<void> {
      const { open, close } = await make();
      try {
        await use(await open(), open);
      } finally {
        await close?.();
      }
    }

    test("has no journal at first", () => withStore(async (store) => expect(await store.read()).toBeUndefined()));

    test.each([0, 1, 5])("gives a journal of %i versions back, also after it is opened again", (count) =>
      withStore(async (store, reopen) => {
        const journal = journalOf(count);
        await store.write(journal);
        expect(await store.read()).toEqual(journal);
        expect(await (await reopen()).read()).toEqual(journal);
      }));

    test("keeps as many failed digests as a device may, and hundreds of versions", () =>
      withStore(async (store, reopen) => {
        const journal = journalOf(LIMITS.failedDigests + 50);
        await store.write(journal);
        expect(await (await reopen()).read()).toEqual(journal);
      }));

    test("has the last of many writes", () =>
      withStore(async (store, reopen) => {
        for (let n = 1; n <= 10; n++) await store.write(journalOf(n));
        expect(await (await reopen()).read()).toEqual(journalOf(10));
      }));

    test("a read beside a write sees the journal before or after it, nothing else", () =>
      withStore(async (store, reopen) => {
        await store.write(journalOf(1));
        const other = await reopen();
        const write = store.write(journalOf(200));
        const seen = await Promise.all(Array.from({ length: 8 }, () => other.read()));
        await write;
        for (const journal of seen) expect([journalOf(1), journalOf(200)]).toContainEqual(journal);
        expect(await other.read()).toEqual(journalOf(200));
      }));

    test("refuses with CANCELLED under an aborted signal, and keeps what it had", () =>
      withStore(async (store) => {
        await store.write(journalOf(1));
        await expect(store.write(journalOf(2), { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
        await expect(store.read({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
        expect(await store.read()).toEqual(journalOf(1));
      }));
  });
}
