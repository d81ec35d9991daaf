import { describe, expect, test } from "vitest";
import { Poll, pollDelay } from "../../../client/poll.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { HostRequest } from "../../../protocol/messages.ts";
import { modelName, version } from "../../../protocol/names.ts";
import { FakeAsker, FakePage, fakeNews } from "./fakes.ts";

describe("the delay until the next look", () => {
  const base = { pollSeconds: 60, failures: 0, random: 0, isHidden: false };
  test.each([
    [{}, 60_000],
    [{ random: 0.5 }, 75_000],
    [{ random: 0.999 }, 89_970],
    [{ failures: 1 }, 120_000],
    [{ failures: 3 }, 480_000],
    [{ failures: 1000 }, 480_000],
    [{ pollSeconds: 1, failures: 1000 }, 8_000],
    [{ pollSeconds: 600, failures: 5 }, LIMITS.pollBackoffCapMs],
    [{ pollSeconds: 1, isHidden: true }, 60_000],
    [{ pollSeconds: 120, isHidden: true }, 120_000],
  ])("%j: %d ms", (given, ms) => {
    expect(pollDelay({ ...base, ...given })).toBeCloseTo(ms, 6);
  });
});

function polling(answer: (request: HostRequest, asker: FakeAsker) => unknown = () => ({ more: false, pollSeconds: 10 })) {
  const page = new FakePage();
  const asker: FakeAsker = new FakeAsker((request) => answer(request, asker));
  const { news, tell } = fakeNews();
  const poll = new Poll({ asker, news, page, pollSeconds: 60 });
  return { page, asker, tell, poll };
}

/** Lets what was answered be taken in. */
const takenIn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const DUE = { type: "sync", due: true };
const JOIN = { type: "sync", due: false, join: true };

test("it looks at once, goes on while there is more, and again after the interval that the worker says", async () => {
  const more = [true, true, false];
  const { page, asker } = polling(() => ({ more: more.shift() ?? false, pollSeconds: 10 }));
  await asker.until(3);
  expect(asker.asked).toEqual([DUE, JOIN, JOIN]);
  await takenIn();
  expect(page.delays).toContain(10_000);
  page.pass(9_999);
  await takenIn();
  expect(asker.types.filter((type) => type === "sync")).toHaveLength(3);
  page.pass(1);
  expect(asker.asked.at(-1)).toEqual(DUE);
});

test("a look lost with its worker is begun anew", async () => {
  const more = [true, false, false];
  const { asker } = polling((_, worker) => {
    if (worker.asked.length === 2) worker.life = "life 2";
    return { more: more.shift() ?? false, pollSeconds: 10 };
  });
  await asker.until(3);
  expect(asker.asked).toEqual([DUE, JOIN, DUE]);
});

test("it looks when the page is seen again and when the network is back, one look at a time", async () => {
  const { page, asker } = polling();
  page.wake();
  await takenIn();
  expect(asker.asked).toEqual([DUE]);
  page.wake();
  await takenIn();
  expect(asker.asked).toEqual([DUE, DUE]);
  expect(page.delays.filter((delay) => delay === 10_000)).toHaveLength(1);
});

test("failures make it wait longer, success ends that", async () => {
  let isOffline = true;
  const { page, asker } = polling(() => {
    if (isOffline) throw new AshoreError("NETWORK_FAILED", "offline");
    return { more: false, pollSeconds: 10 };
  });
  await takenIn();
  expect(page.delays).toContain(120_000);
  page.pass(120_000);
  await takenIn();
  expect(page.delays).toContain(240_000);
  isOffline = false;
  page.wake();
  await takenIn();
  expect(page.delays).toEqual([10_000]);
  expect(asker.types.filter((type) => type === "sync")).toHaveLength(3);
});

test("backends are tried when the page is idle, some seconds after it began and after each version that answers", async () => {
  const { page, asker, tell } = polling();
  const improvements = (): number => asker.types.filter((type) => type === "improve").length;
  await takenIn();
  page.pass(3_000);
  expect(improvements()).toBe(0);
  page.idle();
  expect(improvements()).toBe(1);
  tell({ type: "state", model: modelName("digits"), status: { version: version(2), state: "LOADING" } });
  page.pass(3_000);
  page.idle();
  expect(improvements()).toBe(1);
  for (const number of [2, 3]) {
    tell({ type: "state", model: modelName("digits"), status: { version: version(number), state: "AVAILABLE" } });
    page.pass(2_000);
  }
  page.idle();
  expect(improvements()).toBe(1);
  page.pass(1_000);
  page.idle();
  expect(improvements()).toBe(2);
});

test("close leaves no timer and no listener", async () => {
  const { page, asker, poll, tell } = polling();
  await takenIn();
  poll.close();
  expect([page.delays, page.listeners]).toEqual([[], 0]);
  tell({ type: "state", model: modelName("digits"), status: { version: version(2), state: "AVAILABLE" } });
  page.pass(1e9);
  page.idle();
  expect(asker.asked).toEqual([DUE]);
});
