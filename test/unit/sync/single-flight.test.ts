import { describe, expect, test } from "vitest";
import { inParallel, singleFlight } from "../../../runtime/sync/index.ts";
import { slots } from "../../../runtime/sync/slots.ts";
import { gate } from "./make-device.ts";

describe("single flight", () => {
  test("one piece of work at a time for a key, anew when it has ended", async () => {
    const flight = singleFlight<string, number>();
    let starts = 0;
    const start = async (): Promise<number> => ++starts;
    expect(await Promise.all([flight.run("a", start), flight.run("a", start), flight.run("b", start)])).toEqual([1, 1, 2]);
    expect(await flight.run("a", start)).toBe(3);
    expect([...flight.keys()]).toEqual([]);
  });

  test("a failure reaches all who wait, and the next one starts anew", async () => {
    const flight = singleFlight<string, number>();
    const failing = (): Promise<number> => Promise.reject(new Error("no"));
    const outcomes = await Promise.allSettled([flight.run("a", failing), flight.run("a", failing)]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await flight.run("a", async () => 1)).toBe(1);
  });

  test("who comes while abandoned work is still ending waits for its end, and gets work of its own", async () => {
    const flight = singleFlight<string, string>();
    const ending = gate();
    const leave = new AbortController();
    const log: string[] = [];
    const first = flight.run("a", async (signal) => {
      await ending.passed;
      log.push(`first ends, aborted: ${signal.aborted}`);
      return "first";
    }, { signal: leave.signal });
    leave.abort();
    await expect(first).rejects.toMatchObject({ code: "CANCELLED" });
    const second = flight.run("a", async (signal) => {
      log.push(`second starts, aborted: ${signal.aborted}`);
      return "second";
    });
    ending.open();
    expect(await second).toBe("second");
    expect(log).toEqual(["first ends, aborted: true", "second starts, aborted: false"]);
  });
});

describe("slots", () => {
  test("one who is aborted while it waits takes no slot", async () => {
    const slot = slots(1);
    const busy = gate();
    const first = slot(() => busy.passed);
    const leave = new AbortController();
    const second = slot(async () => expect.fail("it left"), { signal: leave.signal });
    const third = slot(async () => "third");
    leave.abort();
    await expect(second).rejects.toMatchObject({ code: "CANCELLED" });
    busy.open();
    await first;
    expect(await third).toBe("third");
    expect(await slot(async () => "fourth")).toBe("fourth");
  });

  test("a failure gives its slot back", async () => {
    const slot = slots(1);
    await expect(slot(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await slot(async () => 1)).toBe(1);
  });
});

test("in parallel: answers in order; the first failure starts nothing more, and is thrown when all have settled", async () => {
  expect(await inParallel([3, 1, 2], 2, async (n) => n * 2)).toEqual([6, 2, 4]);
  expect(await inParallel([], 2, async () => 1)).toEqual([]);
  const started: number[] = [];
  const slow = gate();
  let settled = false;
  const failing = inParallel([0, 1, 2, 3], 2, async (n) => {
    started.push(n);
    if (n === 1) throw new Error("one");
    await slow.passed;
    settled = true;
  });
  slow.open();
  await expect(failing).rejects.toThrow("one");
  expect([started, settled]).toEqual([[0, 1], true]);
});
