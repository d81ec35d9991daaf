import { beforeEach, describe, expect, test } from "vitest";
import { Requests } from "../../../client/requests.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { MESSAGE_PROTOCOL } from "../../../protocol/messages.ts";
import { FakeLocks, FakePage, FakeTarget, openFakeChannel } from "./fakes.ts";

let target: FakeTarget;
let locks: FakeLocks;
let page: FakePage;
let requests: Requests;

beforeEach(() => {
  target = new FakeTarget();
  locks = new FakeLocks();
  page = new FakePage();
  requests = new Requests({ target, locks, timers: page, openChannel: openFakeChannel });
});

const REMOVE = { type: "remove", model: "digits" } as never;
const PREDICT = { type: "predict", model: "digits", inputs: {} } as const;
const ANSWER = { outputs: {}, version: 1, backend: "wasm", servedBy: "device" };

/** Asks something, and has the worker take it in that life. */
async function takenIn(life: string): Promise<{ readonly answer: Promise<unknown>; readonly arrived: Awaited<ReturnType<FakeTarget["next"]>> }> {
  const answer = requests.ask(PREDICT);
  const arrived = await target.next();
  arrived.take(life);
  while (!locks.waited.includes(life)) await new Promise(setImmediate);
  return { answer, arrived };
}

test("a request carries the protocol and is answered over its own port", async () => {
  const answers = [requests.ask(PREDICT), requests.ask({ type: "stored" })];
  const [first, second] = [await target.next(), await target.next()];
  expect([first.ashore, first.request]).toEqual([MESSAGE_PROTOCOL, PREDICT]);
  second.take().done([]);
  first.take().done(ANSWER);
  expect(await Promise.all(answers)).toEqual([ANSWER, []]);
});

test("what the worker fails with keeps its code, message and causes", async () => {
  const answer = requests.ask(PREDICT);
  (await target.next()).take().fail(new AshoreError("NOT_FOUND", "No such model.", { cause: new Error("really") }));
  await expect(answer).rejects.toMatchObject({ code: "NOT_FOUND", message: "No such model.", cause: { message: "really" } });
});

describe("a worker that dies", () => {
  test("what it had is asked of the next one, which is greeted first", async () => {
    const greeted: string[] = [];
    requests.greetWith(async () => greeted.push("hello"));
    const { answer } = await takenIn("life 1");
    locks.die("life 1");
    (await target.next()).take("life 2").done(ANSWER);
    expect(await answer).toEqual(ANSWER);
    expect(greeted).toEqual(["hello"]);
    expect(target.endings).toBe(1);
  });

  test("what it did not take is asked again too, and an answer of the dead worker's port counts no more", async () => {
    const { answer: taken } = await takenIn("life 1");
    const untaken = requests.ask({ type: "stored" });
    const late = await target.next();
    locks.die("life 1");
    const [again, stored] = [await target.next(), await target.next()];
    late.done("nonsense from a dead worker");
    again.take("life 2").done(ANSWER);
    stored.take("life 2").done([]);
    expect(await Promise.all([taken, untaken])).toEqual([ANSWER, []]);
  });

  test("over one request for the third time: the request is given up, and the next one is asked", async () => {
    const { answer } = await takenIn("life 1");
    const failed = expect(answer).rejects.toMatchObject({ code: "WORKER_FAILED", message: expect.stringContaining("3 times") as string });
    for (const life of ["life 1", "life 2"]) {
      locks.die(life);
      const next = `life ${Number(life.slice(-1)) + 1}`;
      (await target.next()).take(next);
      while (!locks.waited.includes(next)) await new Promise(setImmediate);
    }
    locks.die("life 3");
    await failed;
    const other = requests.ask({ type: "stored" });
    (await target.next()).take("life 4").done([]);
    expect(await other).toEqual([]);
  });

  test("with inputs that were given away: WORKER_FAILED, as they are gone", async () => {
    const data = new Float32Array(4);
    const answer = requests.ask({ ...PREDICT, inputs: { x: { dtype: "float32", shape: [4], data } } }, { transfer: [data.buffer] });
    const failed = expect(answer).rejects.toMatchObject({ code: "WORKER_FAILED", message: expect.stringContaining("gave the inputs away") as string });
    (await target.next()).take("life 1");
    expect(data.byteLength).toBe(0);
    while (locks.waited.length === 0) await new Promise(setImmediate);
    locks.die("life 1");
    await failed;
    expect(target.arrived).toHaveLength(1);
  });

  test("while nothing is under way: it is left to sleep, and greeted before the next request", async () => {
    requests.greetWith(() => requests.ask({ type: "hello", server: "https://s/", models: "all", fallback: "none" }));
    const { answer, arrived } = await takenIn("life 1");
    arrived.done(ANSWER);
    await answer;
    locks.die("life 1");
    await new Promise(setImmediate);
    expect(target.arrived).toHaveLength(1);
    void requests.ask({ type: "stored" }).catch(() => undefined);
    expect((await target.next()).request.type).toBe("hello");
    expect((await target.next()).request.type).toBe("stored");
    requests.close(new AshoreError("CANCELLED", "over"));
  });

  test("before it took the first request: asked again after a while, since no lock can tell", async () => {
    const answer = requests.ask(PREDICT);
    await target.next();
    page.pass(LIMITS.workerTakesMs / 2);
    (await target.next()).take().done(ANSWER);
    expect(await answer).toEqual(ANSWER);
  });
});

test("a new worker in charge gets what the old one did not take; what it took is still its own", async () => {
  const { answer: taken, arrived } = await takenIn("life 1");
  const untaken = requests.ask({ type: "stored" });
  await target.next();
  target.change();
  (await target.next()).take("life 2").done([]);
  expect(await untaken).toEqual([]);
  arrived.done(ANSWER);
  expect(await taken).toEqual(ANSWER);
  expect(target.arrived).toHaveLength(3);
});

test("a worker that does not start is started again, and then its reason is told", async () => {
  const answer = requests.ask(PREDICT);
  const failed = expect(answer).rejects.toMatchObject({ code: "WORKER_FAILED", message: expect.stringContaining("/ashore/worker.js: 404") as string });
  for (let start = 0; start < LIMITS.workerLives; start++) {
    await target.next();
    target.change(new Error("/ashore/worker.js: 404"));
  }
  await failed;
  expect(target.endings).toBe(LIMITS.workerLives);
});

test("no worker at all: WORKER_FAILED with why", async () => {
  target.failure = new Error("refused by policy");
  await expect(requests.ask(PREDICT)).rejects.toMatchObject({ code: "WORKER_FAILED", message: "refused by policy" });
});

describe("giving up", () => {
  test("an abort rejects at once and tells the worker", async () => {
    const abort = new AbortController();
    const answer = requests.ask(PREDICT, { signal: abort.signal });
    const arrived = await target.next();
    abort.abort();
    await expect(answer).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await arrived.cancelled).toMatchObject({ type: "cancel", error: { code: "CANCELLED" } });
  });

  test("a timeout is DEADLINE_EXCEEDED, also towards the worker", async () => {
    const abort = new AbortController();
    const answer = requests.ask(PREDICT, { signal: abort.signal });
    const arrived = await target.next();
    abort.abort(new DOMException("too slow", "TimeoutError"));
    await expect(answer).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(await arrived.cancelled).toMatchObject({ error: { code: "DEADLINE_EXCEEDED" } });
  });

  test("before it began: nothing is asked", async () => {
    await expect(requests.ask(PREDICT, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
    expect(target.arrived).toEqual([]);
  });

  test("an aborted request is not asked again when the worker dies", async () => {
    const { arrived, answer } = await takenIn("life 1");
    const abort = new AbortController();
    const other = requests.ask({ type: "stored" }, { signal: abort.signal });
    await target.next();
    abort.abort();
    await expect(other).rejects.toMatchObject({ code: "CANCELLED" });
    locks.die("life 1");
    (await target.next()).take("life 2").done(ANSWER);
    await answer;
    expect(target.arrived.map(({ request }) => request.type)).toEqual(["predict", "stored", "predict"]);
    expect(arrived.request.type).toBe("predict");
  });

  test("close rejects everything, waits for no worker, and nothing is asked later", async () => {
    const { answer } = await takenIn("life 1");
    requests.close(new AshoreError("CANCELLED", "closed"));
    await expect(answer).rejects.toMatchObject({ code: "CANCELLED", message: "closed" });
    expect(locks.waited).toEqual([]);
    await expect(requests.ask(PREDICT)).rejects.toMatchObject({ code: "CANCELLED" });
    expect(page.delays).toEqual([]);
  });
});

test("no more than the bound wait at once", async () => {
  const waiting = Array.from({ length: LIMITS.queuedRequests }, () => requests.ask(PREDICT));
  await expect(requests.ask(PREDICT)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  requests.close(new AshoreError("CANCELLED", "over"));
  expect((await Promise.allSettled(waiting)).every(({ status }) => status === "rejected")).toBe(true);
});

test("what no message can carry is INVALID_ARGUMENT", async () => {
  await expect(requests.ask({ ...PREDICT, inputs: { x: () => 1 } })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

describe("another protocol", () => {
  test.each([
    { theirs: MESSAGE_PROTOCOL + 1, remedy: /page is of an older release: reload/ },
    { theirs: MESSAGE_PROTOCOL - 1, remedy: /worker is of an older release/ },
  ])("$theirs: PROTOCOL_MISMATCH that says who is older", async ({ theirs, remedy }) => {
    const answer = requests.ask(PREDICT);
    (await target.next()).take("life 1", theirs);
    await expect(answer).rejects.toMatchObject({ code: "PROTOCOL_MISMATCH", message: expect.stringMatching(remedy) as string });
    expect(requests.protocol).toBe(theirs);
  });

  test.each([[undefined], [{ type: "taken" }], [{ type: "failed", error: "text" }], ["done"]])("an answer of another kind: %j", async (said) => {
    const answer = requests.ask(PREDICT);
    (await target.next()).say(said);
    await expect(answer).rejects.toMatchObject({ code: "PROTOCOL_MISMATCH" });
  });

  test("a value of another shape", async () => {
    const answer = requests.ask(REMOVE);
    (await target.next()).take().done({ removed: true });
    await expect(answer).rejects.toMatchObject({ code: "PROTOCOL_MISMATCH", message: expect.stringContaining('"remove"') as string });
  });

  test("an error code of a newer release is passed on", async () => {
    const answer = requests.ask(PREDICT);
    (await target.next()).take().say({ type: "failed", error: { code: "FROM_THE_FUTURE", message: "new", causes: [] } });
    await expect(answer).rejects.toMatchObject({ code: "FROM_THE_FUTURE", message: "new" });
  });
});
