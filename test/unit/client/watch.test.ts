import { expect, test } from "vitest";
import type { Connection } from "../../../client/connection.ts";
import type { Watched } from "../../../client/types.ts";
import { watchModel } from "../../../client/watch.ts";
import { AshoreError, toWireError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { HostNews, ModelState } from "../../../protocol/messages.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { ServableState } from "../../../protocol/states.ts";
import { FakeAsker, fakeNews, fakePixels } from "./fakes.ts";

const digits = modelName("digits");
const state = (number: number, to: ServableState, model = digits): HostNews => ({ type: "state", model, status: { version: version(number), state: to } });
const progress = (bytes: number): HostNews => ({ type: "progress", model: digits, version: version(2), phase: "download", bytes, totalBytes: 100 });

function watching(models: () => readonly ModelState[] | Promise<readonly ModelState[]>, signal?: AbortSignal) {
  const { news, tell } = fakeNews();
  const closing = new AbortController();
  const connection: Connection = { asker: new FakeAsker(models), news, siteKept: Promise.resolve(), readPixels: fakePixels, closing: closing.signal };
  const watch = watchModel(connection, digits, { signal });
  const next = async (): Promise<string> => {
    const { value } = await watch.next();
    return value === undefined ? "over" : shown(value);
  };
  return { watch, next, tell, closing };
}

function shown(watched: Watched): string {
  if (watched.type === "state") return `${watched.status.version} ${watched.status.state}`;
  if (watched.type === "trust") return `${watched.what} since ${watched.since ?? "now"}`;
  return watched.type === "progress" ? `${watched.version} ${watched.bytes}/${watched.totalBytes}` : watched.error.code;
}

const HELD: readonly ModelState[] = [
  {
    name: digits,
    versions: [
      { version: version(2), state: "LOADING" },
      { version: version(1), state: "AVAILABLE" },
    ],
  },
];

test("first the states as they are, oldest first, then every change of this model", async () => {
  const { next, tell, watch } = watching(() => HELD);
  expect([await next(), await next()]).toEqual(["1 AVAILABLE", "2 LOADING"]);
  const changed = next();
  await new Promise(setImmediate);
  tell(state(1, "AVAILABLE", modelName("other")));
  tell({ type: "sync", ok: true, changed: true });
  tell(state(2, "AVAILABLE"));
  expect(await changed).toBe("2 AVAILABLE");
  tell({ type: "problem", model: digits, error: toWireError(new AshoreError("STORE_FULL", "no room")) });
  expect(await next()).toBe("STORE_FULL");
  await watch.return();
});

test("who begins to watch while the metadata is expired hears since when, and when it is fresh again", async () => {
  const { next, tell, watch } = watching(() => HELD.map((state) => ({ ...state, expiredSince: 1_700_000_000_000 })));
  expect([await next(), await next(), await next()]).toEqual(["expired since 1700000000000", "1 AVAILABLE", "2 LOADING"]);
  tell({ type: "trust", what: "fresh", detail: "valid again" });
  tell({ type: "trust", what: "expired", detail: "expired once more", since: 1_800_000_000_000 });
  expect(await next(), "a slow reader gets the newest alone").toBe("expired since 1800000000000");
  await watch.return();
});

test("news that came before the states goes on where they end", async () => {
  let answer: (states: readonly ModelState[]) => void = () => undefined;
  const { next, tell } = watching(() => new Promise((resolve) => (answer = resolve)));
  const first = next();
  await new Promise(setImmediate);
  tell(state(1, "LOADING"));
  tell(state(2, "AVAILABLE"));
  answer(HELD);
  expect([await first, await next()]).toEqual(["1 AVAILABLE", "2 AVAILABLE"]);
});

test("a slow reader gets the newest of each kind and version, in order of change", async () => {
  const { next, tell } = watching(() => []);
  const first = next();
  await new Promise(setImmediate);
  tell(progress(1));
  for (let bytes = 2; bytes <= 50; bytes++) tell(progress(bytes));
  tell(state(2, "LOADING"));
  tell(state(2, "AVAILABLE"));
  tell(state(1, "UNLOADING"));
  tell(progress(100));
  expect([await first, await next(), await next()]).toEqual(["2 AVAILABLE", "1 UNLOADING", "2 100/100"]);
});

test("what is unread is bounded: the oldest goes first", async () => {
  const { next, tell, watch } = watching(() => []);
  const first = next();
  await new Promise(setImmediate);
  for (let number = 1; number <= LIMITS.trackedVersions + 10; number++) tell(state(number, "END"));
  expect(await first).toBe("11 END");
  await watch.return();
});

test("the loop ends when its signal is aborted, and rejects when the connection is closed", async () => {
  const abort = new AbortController();
  const { next } = watching(() => [], abort.signal);
  const last = next();
  await new Promise(setImmediate);
  abort.abort();
  expect(await last).toBe("over");

  const { next: other, closing } = watching(() => []);
  const failed = expect(other()).rejects.toMatchObject({ code: "CANCELLED" });
  await new Promise(setImmediate);
  closing.abort(new AshoreError("CANCELLED", "closed"));
  await failed;
});

test("leaving the loop stops listening", async () => {
  const { watch, tell } = watching(() => HELD);
  for await (const watched of watch) {
    expect(shown(watched)).toBe("1 AVAILABLE");
    break;
  }
  tell(state(2, "AVAILABLE"));
  expect(await watch.next()).toEqual({ value: undefined, done: true });
});

test("what is no news is passed over", async () => {
  const { next, tell } = watching(() => []);
  const first = next();
  await new Promise(setImmediate);
  tell({ type: "hello" });
  tell({ ...state(1, "AVAILABLE"), model: "../../etc" } as never);
  tell({ type: "state", model: digits, status: { version: 1.5, state: "AVAILABLE" } } as never);
  tell(state(3, "END"));
  expect(await first).toBe("3 END");
});
