import { beforeEach, expect, test } from "vitest";
import { greet } from "../../../client/greet.ts";
import { Requests } from "../../../client/requests.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { MESSAGE_PROTOCOL } from "../../../protocol/messages.ts";
import { FakeLocks, FakePage, FakeTarget, openFakeChannel } from "./fakes.ts";

const HELLO = { type: "hello", server: "https://app.example/", models: "all", fallback: "none" } as const;
const VALUE = { build: "1", news: "ashore:/", host: "service-worker", keepsSite: true, pollSeconds: 60, persisted: true };

let target: FakeTarget;
let page: FakePage;

beforeEach(() => {
  target = new FakeTarget();
  page = new FakePage();
});

function greeting(signal?: AbortSignal): Promise<unknown> {
  const requests = new Requests({ target, locks: new FakeLocks(), timers: page, openChannel: openFakeChannel });
  return greet({ target, requests, timers: page, hello: HELLO, where: () => "/sw.js of /", signal });
}

test("a worker that answers is taken as it says", async () => {
  const answer = greeting();
  (await target.next()).take().done(VALUE);
  expect(await answer).toEqual(VALUE);
  expect(page.delays).not.toContain(LIMITS.workerTakesMs);
});

test("a service worker that takes nothing is another program's: WORKER_CONFLICT that says what to add to it", async () => {
  const answer = expect(greeting()).rejects.toMatchObject({ code: "WORKER_CONFLICT", message: expect.stringMatching(/\/sw\.js of \/.*serve\(/) as string });
  await target.next();
  page.pass(LIMITS.workerTakesMs);
  await answer;
});

test("one that took it may take its time", async () => {
  const answer = greeting();
  const hello = await target.next();
  hello.take();
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  page.pass(LIMITS.workerTakesMs);
  hello.done(VALUE);
  expect(await answer).toEqual(VALUE);
});

test("one of an older release is renewed once, and greeted again", async () => {
  target.isRenewable = true;
  const answer = greeting();
  (await target.next()).take("life 1", MESSAGE_PROTOCOL - 1);
  (await target.next()).take("life 2").done(VALUE);
  expect(await answer).toEqual(VALUE);
  expect(target.renewals).toBe(1);
});

test.each([
  { theirs: MESSAGE_PROTOCOL - 1, isRenewable: false, renewals: 1 },
  { theirs: MESSAGE_PROTOCOL + 1, isRenewable: true, renewals: 0 },
])("protocol $theirs that stays: PROTOCOL_MISMATCH", async ({ theirs, isRenewable, renewals }) => {
  target.isRenewable = isRenewable;
  const answer = expect(greeting()).rejects.toMatchObject({ code: "PROTOCOL_MISMATCH" });
  (await target.next()).take("life 1", theirs);
  await answer;
  expect(target.renewals).toBe(renewals);
});

test("the signal ends it", async () => {
  const abort = new AbortController();
  const answer = expect(greeting(abort.signal)).rejects.toMatchObject({ code: "CANCELLED" });
  await target.next();
  abort.abort();
  await answer;
});
