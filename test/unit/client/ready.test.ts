import { describe, expect, test } from "vitest";
import type { Connection } from "../../../client/connection.ts";
import { becomeReady } from "../../../client/ready.ts";
import type { ModelSelection, Progress, ReadyOptions } from "../../../client/types.ts";
import { AshoreError, toWireError } from "../../../protocol/errors.ts";
import type { HostRequest, ModelState } from "../../../protocol/messages.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { AskOptions } from "../../../client/requests.ts";
import { FakeAsker, fakeNews, fakePixels, forever } from "./fakes.ts";

const digits = modelName("digits");
const available = (...versions: number[]): ModelState => ({
  name: digits,
  versions: versions.map((one) => ({ version: version(one), state: "AVAILABLE" })),
  latest: version(versions[0] ?? 1),
});

/** A worker that holds `states` from the moment that a request of a kind was asked; before the first: nothing. */
function holding(after: string | undefined, states: readonly ModelState[], answers: Readonly<Record<string, (options: AskOptions) => unknown>> = {}) {
  let now: readonly ModelState[] = after === undefined ? states : [];
  const asker: FakeAsker = new FakeAsker((request: HostRequest, options) => {
    const kind = request.type === "sync" && request.join === true ? "join" : request.type;
    const own = answers[kind];
    if (kind === after) now = states;
    if (own !== undefined) return own(options);
    return request.type === "models" ? now : { more: false, pollSeconds: 60 };
  });
  const { news, tell } = fakeNews();
  const closing = new AbortController();
  const connection: Connection = { asker, news, siteKept: Promise.resolve(), readPixels: fakePixels, closing: closing.signal };
  return { asker, tell, closing, connection, ready: (selection: ModelSelection = {}, options: ReadyOptions = {}) => becomeReady(connection, digits, selection, options) };
}

test("what answers already is ready at once", async () => {
  const { ready, asker } = holding(undefined, [available(1)]);
  await ready();
  expect(asker.types).toEqual(["models"]);
});

test("what is stored becomes ready without network", async () => {
  const { ready, asker } = holding("settle", [available(1)]);
  await ready();
  expect(asker.types).toEqual(["models", "settle", "models"]);
});

test("a look that is under way is waited for, before another is begun", async () => {
  const { ready, asker } = holding("join", [available(1)]);
  await ready();
  expect(asker.asked.filter(({ type }) => type === "sync")).toEqual([{ type: "sync", join: true }]);
});

test("the download loop goes on while there is more", async () => {
  const rounds = [true, true, false];
  const { ready, asker } = holding("sync", [available(1)], { sync: () => ({ more: rounds.shift(), pollSeconds: 60 }), join: () => ({ more: rounds.shift() ?? false, pollSeconds: 60 }) });
  rounds.unshift(false);
  await ready();
  expect(asker.asked.filter(({ type }) => type === "sync")).toEqual([
    { type: "sync", join: true },
    { type: "sync", join: false },
    { type: "sync", join: true, due: false },
    { type: "sync", join: true, due: false },
  ]);
});

test("it is ready as soon as it answers, while other models are still fetched", async () => {
  let asked: () => void = () => undefined;
  const joining = new Promise<void>((resolve) => (asked = resolve));
  const { ready, tell } = holding("join", [available(1)], {
    join: (options) => {
      asked();
      return forever(options);
    },
  });
  const isReady = ready();
  await joining;
  tell({ type: "state", model: digits, status: { version: version(1), state: "AVAILABLE" } });
  await isReady;
});

test("progress is told, of this model alone", async () => {
  const told: Progress[] = [];
  const { ready, tell } = holding("settle", [available(2)], {
    settle: () => {
      tell({ type: "progress", model: modelName("other"), version: version(1), phase: "download", bytes: 1, totalBytes: 2 });
      tell({ type: "progress", model: digits, version: version(2), phase: "download", bytes: 5, totalBytes: 10 });
      return { more: false };
    },
  });
  await ready({}, { onProgress: (progress) => told.push(progress) });
  expect(told).toEqual([{ phase: "download", version: 2, bytes: 5, totalBytes: 10 }]);
});

test("the site is kept before it resolves", async () => {
  const order: string[] = [];
  const { connection } = holding(undefined, [available(1)]);
  let kept: () => void = () => undefined;
  const siteKept = new Promise<void>((resolve) => (kept = resolve));
  const ready = becomeReady({ ...connection, siteKept }, digits, {}, {}).then(() => order.push("ready"));
  await new Promise(setImmediate);
  order.push("kept");
  kept();
  await ready;
  expect(order).toEqual(["kept", "ready"]);
});

describe("a version or a label", () => {
  test.each<{ selection: ModelSelection; isReady: boolean }>([
    { selection: { version: 1 }, isReady: true },
    { selection: { version: 2 }, isReady: false },
    { selection: { label: "stable" }, isReady: true },
    { selection: { label: "canary" }, isReady: false },
    { selection: { label: "none" }, isReady: false },
  ])("$selection", async ({ selection, isReady }) => {
    const state: ModelState = {
      name: digits,
      versions: [
        { version: version(2), state: "END" },
        { version: version(1), state: "AVAILABLE" },
      ],
      latest: version(1),
      labels: { stable: version(1), canary: version(2) },
    };
    const { ready } = holding(undefined, [state]);
    if (isReady) await ready(selection);
    else await expect(ready(selection)).rejects.toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("2 (END), 1 (AVAILABLE)") as string });
  });
});

describe("the reason of a failure", () => {
  const failed: ModelState = { name: digits, versions: [{ version: version(3), state: "END", error: { code: "BACKEND_UNAVAILABLE", message: "no webgpu here" } }] };

  test("a model that the server does not list", async () => {
    const { ready } = holding(undefined, []);
    await expect(ready()).rejects.toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("digits") as string });
  });

  test("a version that ended with an error", async () => {
    const { ready } = holding("join", [failed]);
    await expect(ready()).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE", message: expect.stringMatching(/Version 3 of digits .*no webgpu here/) as string });
  });

  test("another version's error is not that of the version asked for", async () => {
    const { ready } = holding("join", [failed]);
    await expect(ready({ version: 2 })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("no network, and nothing stored", async () => {
    const offline = (): never => {
      throw new AshoreError("NETWORK_FAILED", "offline");
    };
    const { ready } = holding(undefined, [], { join: offline, sync: offline });
    await expect(ready()).rejects.toMatchObject({ code: "NETWORK_FAILED", message: "offline" });
  });

  test("a problem told of this model says more than the look that failed", async () => {
    const { ready, tell } = holding(undefined, [], {
      join: () => {
        tell({ type: "problem", model: digits, version: version(1), error: toWireError(new AshoreError("DIGEST_MISMATCH", "a shard is another")) });
        throw new AshoreError("NETWORK_FAILED", "of another model");
      },
    });
    await expect(ready()).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  test("a failed look does not matter where an older version answers", async () => {
    const { ready } = holding("join", [available(1)], {
      join: () => {
        throw new AshoreError("NETWORK_FAILED", "offline");
      },
    });
    await ready();
  });
});

describe("giving up", () => {
  test("the signal", async () => {
    const { ready } = holding(undefined, [], { settle: forever });
    await expect(ready({}, { signal: AbortSignal.timeout(1) })).rejects.toMatchObject({ name: expect.stringMatching(/AshoreError|TimeoutError/) as string });
  });

  test("close", async () => {
    const { ready, closing } = holding(undefined, [], { settle: forever });
    const failed = expect(ready()).rejects.toMatchObject({ code: "CANCELLED" });
    closing.abort(new AshoreError("CANCELLED", "closed"));
    await failed;
  });
});
