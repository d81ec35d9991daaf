import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import { download, HttpStatusError } from "../../../runtime/trust/index.ts";
import type { FetchPort } from "../../../runtime/ports.ts";
import { TestClock } from "./test-repository.ts";

const URL = "https://models.example/x";
const answering = (response: () => Response): FetchPort => async () => response();

/** A body that gives `first`, then whatever `more` pushes, and says when it was cancelled. */
function openBody(first?: Uint8Array): { body: ReadableStream<Uint8Array>; push(bytes: Uint8Array): void; end(): void; cancelled: Promise<void> } {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let onCancel: () => void = () => undefined;
  const cancelled = new Promise<void>((resolve) => (onCancel = resolve));
  const body = new ReadableStream<Uint8Array>({
    start(c) {
      controller = c;
      if (first) c.enqueue(first);
    },
    cancel: () => onCancel(),
  });
  return { body, push: (bytes) => controller?.enqueue(bytes), end: () => controller?.close(), cancelled };
}

test("a whole body, with status, headers and progress", async () => {
  const progress: number[] = [];
  const { push, end, body } = openBody(new Uint8Array([1, 2]));
  push(new Uint8Array([3]));
  end();
  const result = await download(answering(() => new Response(body, { headers: { etag: '"a"' } })), URL, { maxBytes: 3, clock: new TestClock(), onBytes: (count) => progress.push(count) });
  expect(result).toMatchObject({ status: 200, bytes: new Uint8Array([1, 2, 3]) });
  expect(result.headers.get("etag")).toBe('"a"');
  expect(progress).toEqual([2, 1]);
});

test("an empty body", async () => {
  expect((await download(answering(() => new Response(null, { status: 204 })), URL, { maxBytes: 0, clock: new TestClock() })).bytes).toEqual(new Uint8Array());
});

describe("endless data", () => {
  test("ends at the first byte too many, and the rest is not read", async () => {
    const { body, push, cancelled } = openBody(new Uint8Array(10));
    push(new Uint8Array(1));
    await expect(download(answering(() => new Response(body)), URL, { maxBytes: 10, clock: new TestClock() })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    await cancelled;
  });

  test("is not begun where its length is told", async () => {
    const { body, cancelled } = openBody();
    await expect(download(answering(() => new Response(body, { headers: { "content-length": "11" } })), URL, { maxBytes: 10, clock: new TestClock() })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    await cancelled;
  });

  test("a length that is of the encoded body does not count", async () => {
    const response = () => new Response(new Uint8Array(3), { headers: { "content-length": "30", "content-encoding": "gzip" } });
    expect((await download(answering(response), URL, { maxBytes: 10, clock: new TestClock() })).bytes.length).toBe(3);
  });
});

describe("slow retrieval", () => {
  const least = (LIMITS.leastBytesPerSecond * LIMITS.leastSpeedWindowMs) / 1000;

  test("a server that answers nothing", async () => {
    const clock = new TestClock();
    let onAsked: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (onAsked = resolve));
    const failed = download(() => (onAsked(), new Promise<Response>(() => undefined)), URL, { maxBytes: 10, clock });
    const check = expect(failed).rejects.toMatchObject({ code: "SLOW_RETRIEVAL" });
    await asked;
    clock.advance(LIMITS.leastSpeedWindowMs);
    await check;
  });

  test("a body that drips is ended in the window in which it drips; one at the least speed is not", async () => {
    const clock = new TestClock();
    const { body, push, cancelled } = openBody();
    let seen: () => void = () => undefined;
    const failed = download(answering(() => new Response(body)), URL, { maxBytes: 10 * least, clock, onBytes: () => seen() });
    const check = expect(failed).rejects.toMatchObject({ code: "SLOW_RETRIEVAL" });
    for (const size of [least, least, least - 1]) {
      const arrived = new Promise<void>((resolve) => (seen = resolve));
      push(new Uint8Array(size));
      await arrived;
      clock.advance(LIMITS.leastSpeedWindowMs);
      // The watch begins its next window before more time passes.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await check;
    await cancelled;
  });
});

describe("what ends a download", () => {
  test.each([
    ["120", 120_000],
    ["Tue, 01 Jan 2030 00:01:00 GMT", 60_000],
    ["Mon, 31 Dec 2029 00:01:00 GMT", 0],
    ["soon", undefined],
  ])("a status that is an error, Retry-After: %s", async (value, retryAfterMs) => {
    const failed = download(answering(() => new Response("busy", { status: 503, headers: { "retry-after": value } })), URL, { maxBytes: 10, clock: new TestClock() });
    await expect(failed).rejects.toBeInstanceOf(HttpStatusError);
    await expect(failed).rejects.toMatchObject({ code: "HTTP_STATUS", status: 503, retryAfterMs });
  });

  test("no network", async () => {
    const cause = new TypeError("fetch failed");
    await expect(download(() => Promise.reject(cause), URL, { maxBytes: 10, clock: new TestClock() })).rejects.toMatchObject({ code: "NETWORK_FAILED", cause });
  });

  test("a connection that breaks in the middle", async () => {
    const body = new ReadableStream({ pull: (c) => c.error(new TypeError("terminated")) });
    await expect(download(answering(() => new Response(body)), URL, { maxBytes: 10, clock: new TestClock() })).rejects.toMatchObject({ code: "NETWORK_FAILED" });
  });

  test("the caller, before and in the middle", async () => {
    await expect(download(answering(() => new Response("x")), URL, { maxBytes: 10, clock: new TestClock(), signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
    const stop = new AbortController();
    const { body, cancelled } = openBody(new Uint8Array(1));
    const failed = download(answering(() => new Response(body)), URL, { maxBytes: 10, clock: new TestClock(), signal: stop.signal, onBytes: () => stop.abort() });
    await expect(failed).rejects.toMatchObject({ code: "CANCELLED" });
    await cancelled;
  });

  test("the caller's timeout", async () => {
    const signal = AbortSignal.abort(new DOMException("too long", "TimeoutError"));
    await expect(download(answering(() => new Response("x")), URL, { maxBytes: 10, clock: new TestClock(), signal })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });
});
