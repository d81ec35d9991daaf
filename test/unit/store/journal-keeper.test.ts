import { describe, expect, test } from "vitest";
import { AshoreError, type ErrorCode } from "../../../protocol/errors.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { Journal, JournalStore, RuntimeEvent } from "../../../runtime/ports.ts";
import { commitVersion, createJournalKeeper, emptyJournal, evictUnneeded, forgetVersion, journalOf, markServed, memoryBlobs, memoryJournal, type JournalKeeper } from "../../../runtime/store/index.ts";
import { digestOf } from "../../../protocol/digest.ts";
import { gate } from "../sync/make-device.ts";

const DIGITS = modelName("digits");
const TARGET = { sha256: "1".repeat(64), length: 1 };
const random = (count: number): Uint8Array<ArrayBuffer> => new Uint8Array(count).fill(0xab);
const commit1 = (journal: Journal): Journal => commitVersion(journal, DIGITS, version(1), TARGET);

interface Observed extends JournalStore {
  readonly written: Journal[];
  fault: ErrorCode | undefined;
  readFault: ErrorCode | undefined;
}

function observed(initial?: Journal): Observed {
  const store = memoryJournal(initial);
  const written: Journal[] = [];
  return {
    written,
    fault: undefined,
    readFault: undefined,
    async read(options) {
      if (this.readFault !== undefined) throw new AshoreError(this.readFault, "as the test wants it");
      return store.read(options);
    },
    async write(journal, options) {
      if (this.fault !== undefined) throw new AshoreError(this.fault, "as the test wants it");
      await store.write(journal, options);
      written.push(journal);
    },
  };
}

async function open(store: JournalStore, makeRoom?: () => Promise<unknown>): Promise<{ keeper: JournalKeeper; codes: () => (ErrorCode | undefined)[] }> {
  const events: RuntimeEvent[] = [];
  const keeper = await createJournalKeeper(store, random, { report: (event) => events.push(event), ...(makeRoom && { makeRoom }) });
  return { keeper, codes: () => events.map((event) => (event.type === "problem" ? event.error.code : undefined)) };
}

describe("the journal keeper", () => {
  test("draws the device's secret once, and stores it before it is used", async () => {
    const store = observed();
    const { keeper } = await open(store);
    expect(store.written).toEqual([emptyJournal("ab".repeat(16))]);
    expect(keeper.current()).toEqual(store.written[0]);
    const again = await createJournalKeeper(store, () => expect.fail("there is one"), { report: () => undefined });
    expect(again.current().installSecret).toBe("ab".repeat(16));
  });

  test("writes one transition at a time, each on top of the one before, and nothing where nothing changes", async () => {
    const store = observed();
    const { keeper } = await open(store);
    store.written.length = 0;
    const updates = [1, 2, 3].map((n) => keeper.update((journal) => commitVersion(journal, DIGITS, version(n), TARGET)));
    const unchanged = keeper.update((journal) => journal);
    expect(await Promise.all([...updates, unchanged])).toEqual(Array(4).fill({ persisted: true }));
    expect(store.written.map((journal) => journalOf(journal, DIGITS).held.length)).toEqual([1, 2, 3]);
  });

  test("a write that fails is thrown, and what it would have changed is not so", async () => {
    const store = observed();
    const { keeper } = await open(store);
    store.fault = "STORE_FAILED";
    await expect(keeper.update(commit1)).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect(keeper.current().models).toEqual({});
    store.fault = undefined;
    expect(await keeper.update(commit1)).toEqual({ persisted: true });
  });

  test("a full store gets room made once; where that helps nobody hears of it", async () => {
    const store = observed();
    const { keeper, codes } = await open(store, async () => (store.fault = undefined));
    store.fault = "STORE_FULL";
    expect(await keeper.update(commit1)).toEqual({ persisted: true });
    expect(codes()).toEqual([]);
  });

  test("a store that stays full is reported, the change holds in memory, and is written with the next one", async () => {
    const store = observed();
    const { keeper, codes } = await open(store);
    store.fault = "STORE_FULL";
    expect(await keeper.update(commit1)).toEqual({ persisted: false });
    expect(journalOf(keeper.current(), DIGITS).held.length).toBe(1);
    expect(codes()).toEqual(["STORE_FULL"]);
    store.fault = undefined;
    expect(await keeper.update((journal) => journal)).toEqual({ persisted: true });
    expect(journalOf(store.written.at(-1) ?? emptyJournal(""), DIGITS).held.length).toBe(1);
  });

  test("a version that runs from memory is known here and not in the store, nor that it served", async () => {
    const store = observed();
    const { keeper } = await open(store);
    await keeper.commit(DIGITS, version(1), TARGET, { persisted: true });
    await keeper.update((journal) => markServed(journal, DIGITS, version(1), 1));
    expect(await keeper.commit(DIGITS, version(2), TARGET, { persisted: false })).toEqual({ persisted: false });
    await keeper.update((journal) => markServed(journal, DIGITS, version(2), 2));
    expect(journalOf(keeper.current(), DIGITS)).toMatchObject({ held: [{ version: 1 }, { version: 2 }], served: { version: 2 } });
    expect(journalOf((await store.read()) ?? emptyJournal(""), DIGITS)).toMatchObject({ held: [{ version: 1 }], served: { version: 1 } });
    // Stored after all.
    await keeper.commit(DIGITS, version(2), TARGET, { persisted: true });
    expect(journalOf((await store.read()) ?? emptyJournal(""), DIGITS)).toMatchObject({ held: [{ version: 1 }, { version: 2 }], served: { version: 2 } });
  });

  test("a damaged journal is reported and begun anew", async () => {
    const store = observed(commit1(emptyJournal("cd".repeat(16))));
    store.readFault = "STORE_CORRUPT";
    const { keeper, codes } = await open(store);
    expect(codes()).toEqual(["STORE_CORRUPT"]);
    expect([keeper.persistent, keeper.current()]).toEqual([true, emptyJournal("ab".repeat(16))]);
    expect(store.written.length).toBe(1);
  });

  test("a later Ashore's journal is reported, never written over, and no blob is evicted for it", async () => {
    const store = observed();
    store.readFault = "STORE_NEWER";
    const { keeper, codes } = await open(store);
    expect(codes()).toEqual(["STORE_NEWER"]);
    expect(await keeper.update(commit1)).toEqual({ persisted: false });
    expect(journalOf(keeper.current(), DIGITS).held.length).toBe(1);
    expect(store.written).toEqual([]);
    const blobs = memoryBlobs();
    const bytes = new Uint8Array([1]);
    await blobs.put(await digestOf(bytes), bytes);
    expect(await evictUnneeded(blobs, keeper, [])).toEqual({ blobs: 0, bytes: 0 });
    expect((await blobs.list()).length).toBe(1);
  });

  test("a store that cannot be read is an error, not a new device", async () => {
    const store = observed();
    store.readFault = "STORE_FAILED";
    await expect(open(store)).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect(store.written).toEqual([]);
  });

  test("a transition that is cancelled before its turn does not happen", async () => {
    const store = observed();
    const { keeper } = await open(store);
    const writing = gate();
    const write = store.write.bind(store);
    store.write = async (journal) => {
      await writing.passed;
      await write(journal);
    };
    const first = keeper.update(commit1);
    const leave = new AbortController();
    const second = keeper.update((journal) => forgetVersion(journal, DIGITS, version(1)), { signal: leave.signal });
    leave.abort();
    writing.open();
    await first;
    await expect(second).rejects.toMatchObject({ code: "CANCELLED" });
    expect(journalOf(keeper.current(), DIGITS).held.length).toBe(1);
  });
});
