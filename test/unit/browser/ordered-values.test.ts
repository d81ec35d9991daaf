import { expect, test } from "vitest";
import { orderedValues } from "../../../browser/ordered-values.ts";
import { memoryValues, spillingValues, type Values } from "../../../browser/values.ts";
import { AshoreError } from "../../../protocol/errors.ts";

/** Values whose writes wait until they are let go, one by one. */
function heldValues(): { readonly values: Values; readonly log: string[]; release(outcome?: Error): Promise<void> } {
  const memory = memoryValues();
  const log: string[] = [];
  const held: ((outcome: Error | undefined) => void)[] = [];
  const wait = (): Promise<void> => new Promise((resolve, reject) => held.push((outcome) => (outcome === undefined ? resolve() : reject(outcome))));
  return {
    log,
    values: {
      get: (key) => memory.get(key),
      set: async (key, value) => {
        log.push(`set ${key}`);
        await wait();
        await memory.set(key, value);
      },
      delete: async (key) => {
        log.push(`delete ${key}`);
        await wait();
        await memory.delete(key);
      },
    },
    release: async (outcome) => {
      while (held.length === 0) await Promise.resolve();
      held.shift()?.(outcome);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test("what is written ahead is there at once, and durable writes wait for all before them", async () => {
  const { values, log, release } = heldValues();
  const { durable, ahead } = orderedValues(values);
  await ahead.set("timestamp", 1);
  await ahead.set("snapshot", 2);
  await ahead.delete("targets");
  expect([await durable.get("timestamp"), await ahead.get("snapshot"), await ahead.get("targets")]).toEqual([1, 2, undefined]);
  let isDurable = false;
  const journal = durable.set("journal", 3).then(() => (isDurable = true));
  await release();
  expect([log, await values.get("timestamp"), await values.get("snapshot")]).toEqual([["set timestamp", "set snapshot"], 1, undefined]);
  await release();
  await release();
  expect([isDurable, log.at(-1)]).toEqual([false, "set journal"]);
  await release();
  await journal;
  expect([await values.get("journal"), await values.get("snapshot")]).toEqual([3, 2]);
});

test("a write ahead that fails is thrown by the next write, and the ones after it are made all the same", async () => {
  const { values, release } = heldValues();
  const { durable, ahead } = orderedValues(values);
  await ahead.set("snapshot", 2);
  const journal = durable.set("journal", 3);
  const failed = expect(journal).rejects.toThrow("torn");
  await release(new Error("torn"));
  await release();
  await failed;
  expect([await values.get("snapshot"), await values.get("journal")]).toEqual([undefined, 3]);
});

test("what does not fit lives in memory, is told once, and is durable again when there is room", async () => {
  let isFull = true;
  const memory = memoryValues();
  const told: string[] = [];
  const base: Values = {
    ...memory,
    set: async (key, value) => {
      if (isFull) throw new AshoreError("STORE_FULL", "no room");
      await memory.set(key, value);
    },
  };
  const spilling = spillingValues(base, ({ code }) => told.push(code));
  await spilling.set("a", { n: 1 });
  await spilling.set("b", 2);
  expect([await spilling.get("a"), await memory.get("a"), spilling.spilled, told]).toEqual([{ n: 1 }, undefined, true, ["STORE_FULL"]]);
  isFull = false;
  await spilling.set("a", { n: 3 });
  await spilling.delete("b");
  expect([await memory.get("a"), spilling.spilled]).toEqual([{ n: 3 }, false]);
});
