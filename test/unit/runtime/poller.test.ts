import { afterEach, describe, expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import { Poller } from "../../../runtime/poller.ts";
import type { Clock } from "../../../runtime/ports.ts";
import { HttpStatusError } from "../../../runtime/trust/index.ts";
import { deferred, type Deferred } from "../activate/deferred.ts";

/** A clock that sleeps until it is told to wake. */
function handClock(): Clock & { readonly sleeps: { readonly ms: number; readonly wake: () => void }[] } {
  const sleeps: { ms: number; wake: () => void }[] = [];
  return {
    sleeps,
    now: () => 0,
    sleep: (ms, { signal } = {}) =>
      new Promise((resolve, reject) => {
        sleeps.push({ ms, wake: resolve });
        if (signal?.aborted === true) reject(new Error("aborted"));
        signal?.addEventListener("abort", () => reject(new Error("aborted")));
      }),
  };
}

const pollers: Poller[] = [];
afterEach(async () => {
  for (const poller of pollers.splice(0)) await poller.close();
});

function bench() {
  const clock = handClock();
  const cycles: Deferred<void>[] = [];
  // Half of what there is: the middle of the jitter.
  const random = (count: number): Uint8Array<ArrayBuffer> => new Uint8Array(count).fill(0, 1).fill(0x80, 0, 1);
  const cycle = (signal: AbortSignal): Promise<void> => {
    const one = deferred();
    signal.addEventListener("abort", () => one.reject(new Error("closed")));
    cycles.push(one);
    return one.promise;
  };
  const poller = new Poller({ clock, random, cycle, pollSeconds: () => 60 });
  pollers.push(poller);
  const seen = async (what: readonly unknown[], count: number): Promise<void> => {
    while (what.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  return { poller, clock, cycles, seen };
}

describe("cycles", () => {
  test("who asks while one runs shares the next one", async () => {
    const { poller, cycles, seen } = bench();
    const first = poller.run();
    const second = poller.run();
    const third = poller.run();
    expect(cycles).toHaveLength(1);
    cycles[0]?.resolve();
    await first;
    await seen(cycles, 2);
    cycles[1]?.resolve();
    await Promise.all([second, third]);
    expect(cycles).toHaveLength(2);
  });

  test("an abort ends the wait of one, and not the cycle of the others", async () => {
    const { poller, cycles } = bench();
    const gone = new AbortController();
    const first = poller.run({ signal: gone.signal });
    gone.abort();
    await expect(first).rejects.toMatchObject({ code: "CANCELLED" });
    const next = poller.run();
    cycles[0]?.resolve();
    while (cycles.length < 2) await new Promise((resolve) => setImmediate(resolve));
    cycles[1]?.resolve();
    await next;
  });

  test("closing ends the one under way, and the schedule", async () => {
    const { poller, clock, seen } = bench();
    poller.start();
    await seen(clock.sleeps, 1);
    const running = poller.run();
    await poller.close();
    await expect(running).rejects.toThrow("closed");
    await expect(poller.run()).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("the schedule", () => {
  test("waits the interval, longer after failures, and as long as the server asks", async () => {
    const { poller, clock, cycles, seen } = bench();
    poller.start();
    await seen(clock.sleeps, 1);
    const round = async (at: number, outcome: (cycle: Deferred<void> | undefined) => void): Promise<void> => {
      clock.sleeps[at]?.wake();
      await seen(cycles, at + 1);
      outcome(cycles[at]);
      await seen(clock.sleeps, at + 2);
    };
    await round(0, (cycle) => cycle?.reject(new Error("no network")));
    await round(1, (cycle) => cycle?.reject(new Error("no network")));
    await round(2, (cycle) => cycle?.reject(new HttpStatusError("busy", 503, 3_600_000)));
    await round(3, (cycle) => cycle?.resolve());
    const seconds = clock.sleeps.map(({ ms }) => Math.round(ms / 1000));
    expect(seconds).toEqual([60, 120, 240, 3600, 60]);
    expect(Math.max(...seconds) * 1000).toBeLessThanOrEqual(LIMITS.wholeCycleMs);
  });

  test("waking looks at once", async () => {
    const { poller, clock, cycles, seen } = bench();
    poller.start();
    await seen(clock.sleeps, 1);
    poller.wake();
    await seen(cycles, 1);
    cycles[0]?.resolve();
    await seen(clock.sleeps, 2);
  });
});
