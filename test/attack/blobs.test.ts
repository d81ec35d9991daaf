import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGzip, gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { openFileBlobStore } from "../../edge/file-blob-store.ts";
import { digestOf, hexOf, type Digest } from "../../protocol/digest.ts";
import { asAshoreError, type AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { mulberry32 } from "../../protocol/self-test.ts";
import { journalOf } from "../../runtime/store/index.ts";
import { HttpStatusError } from "../../runtime/trust/index.ts";
import { deviceOf, testClock, type TestClock, type TestDevice } from "../unit/sync/make-device.ts";
import { publishVersion, republish, type PublishedVersion } from "../unit/sync/make-version.ts";

const SHARD_BYTES = 64 * 1024;
const MIB = 1024 * 1024;

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

interface Scene {
  readonly device: TestDevice;
  readonly clock: TestClock;
  readonly published: PublishedVersion;
  /** The shard that is under attack. */
  readonly victim: Digest;
  readonly victimBytes: Uint8Array<ArrayBuffer>;
  /** Requests for the victim so far. */
  readonly asked: () => number;
  /** The names of all blobs on the disk, unfinished ones too. */
  readonly files: () => Promise<readonly string[]>;
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A device on files, and a real server that answers everything rightly but one shard. */
async function scene(answer: Answer, { clock = testClock(), change }: { readonly clock?: TestClock; readonly change?: (published: PublishedVersion) => Promise<PublishedVersion> } = {}): Promise<Scene> {
  const right = await publishVersion({ version: 1, shards: [1, 2, 3], shardBytes: SHARD_BYTES, codecs: ["identity"] });
  const published = (await change?.(right)) ?? right;
  const victim = published.manifest.variants[0]?.shards[1]?.encodings[0]?.digest as Digest;
  let asked = 0;
  const server = createServer((request, response) => {
    const body = Buffer.from([...published.wire].find(([digest]) => request.url === `/blobs/sha256/${hexOf(digest)}`)?.[1] ?? []);
    if (request.url === `/blobs/sha256/${hexOf(victim)}`) {
      asked++;
      answer(request, response, body);
    } else if (request.url?.startsWith("/blobs/") === true) response.end(body);
    else response.writeHead(200, { "content-type": "text/html" }).end(HTML);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const folder = await mkdtemp(join(tmpdir(), "ashore-attack-"));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });
  const device = await deviceOf({
    fetch,
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    versions: [published],
    blobs: await openFileBlobStore(folder),
    clock,
  });
  const victimBytes = published.wire.get(victim);
  if (victimBytes === undefined) throw new Error("The victim is on the wire.");
  return { device, clock, published, victim, victimBytes, asked: () => asked, files: () => readdir(join(folder, "sha256")) };
}

async function failureOf({ device, published }: Scene): Promise<AshoreError> {
  try {
    await device.fetcher.fetch(published.request);
  } catch (thrown) {
    return asAshoreError(thrown);
  }
  throw new Error("It was taken.");
}

/** The version failed, was not committed, and nothing of what was sent lies under a name. */
async function expectNothingTaken(attacked: Scene): Promise<void> {
  const { device, published } = attacked;
  expect(journalOf(device.keeper.current(), published.request.model).held).toEqual([]);
  const shard = published.manifest.variants[0]?.shards[1]?.digest;
  const others = [...published.blobs.keys()].filter((digest) => digest !== shard).map(hexOf);
  const allowed = new Set([published.request.manifest.sha256, ...others]);
  expect((await attacked.files()).filter((name) => !allowed.has(name))).toEqual([]);
}

const HTML = Buffer.from(`<!doctype html><title>Sign in</title>${" ".repeat(400)}`);

describe("what a server, a mirror or a network sends instead of a shard", () => {
  const random = mulberry32(7);
  const anywhere = (size: number): number => Math.floor(random() * size);

  test.each<[string, Answer, string, number]>([
    ["nothing", (_, response) => response.end(), "SIZE_MISMATCH", 2],
    ["one byte too many", (_, response, body) => response.end(Buffer.concat([body, Buffer.alloc(1)])), "LIMIT_EXCEEDED", 2],
    ["one byte too many, of a length that it does not tell", (_, response, body) => void response.write(body, () => response.end("x")), "LIMIT_EXCEEDED", 2],
    ["a page, with status 200", (_, response) => response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(HTML), "SIZE_MISMATCH", 2],
    ["a page of the very same length", (_, response, body) => response.end(Buffer.alloc(body.length, HTML)), "DIGEST_MISMATCH", 2],
    ["a redirect to a page", (_, response) => response.writeHead(302, { location: "/sign-in" }).end(), "SIZE_MISMATCH", 2],
    ["a redirect to itself, for ever", (request, response) => response.writeHead(302, { location: request.url }).end(), "NETWORK_FAILED", LIMITS.fetchAttempts * 21],
    ["another shard of the same version", (_, response, body) => response.end(Buffer.from(body).reverse()), "DIGEST_MISMATCH", 2],
    ["not found", (_, response) => response.writeHead(404).end("{}"), "HTTP_STATUS", 1],
    ["forbidden", (_, response) => response.writeHead(403).end(), "HTTP_STATUS", 1],
    ["its own trouble, for ever", (_, response) => response.writeHead(500).end(), "HTTP_STATUS", LIMITS.fetchAttempts],
    ["half, and a broken connection", (_, response, body) => void response.writeHead(200, { "content-length": body.length }).write(body.subarray(0, body.length >> 1), () => response.destroy()), "NETWORK_FAILED", LIMITS.fetchAttempts],
    ["less than the length that it tells", (_, response, body) => raw(response, `content-length: ${body.length}`, body.subarray(0, 100)), "NETWORK_FAILED", LIMITS.fetchAttempts],
    ["more than the length that it tells", (_, response, body) => raw(response, "content-length: 10", body), "SIZE_MISMATCH", 2],
    ["a length beyond all bounds", (_, response, body) => raw(response, `content-length: ${2 ** 50}`, body), "LIMIT_EXCEEDED", 2],
    ["bytes that are no HTTP", (_, response) => void response.socket?.end("\0\0\0\0 hello\r\n\r\n"), "NETWORK_FAILED", LIMITS.fetchAttempts],
    ["a closed connection", (_, response) => void response.destroy(), "NETWORK_FAILED", LIMITS.fetchAttempts],
  ])("%s", async (_, answer, code, requests) => {
    const attacked = await scene(answer);
    const error = await failureOf(attacked);
    expect(error.code, error.message).toBe(code);
    expect(error.message).toContain(hexOf(attacked.victim));
    expect(attacked.asked()).toBe(requests);
    await expectNothingTaken(attacked);
  });

  test("one bit flipped, at 100 places", async () => {
    const attacked = await scene((__, response, body) => {
      const at = anywhere(body.length);
      body[at] = (body[at] ?? 0) ^ (1 << anywhere(8));
      response.end(body);
    });
    for (let i = 0; i < 50; i++) expect((await failureOf(attacked)).code).toBe("DIGEST_MISMATCH");
    expect(attacked.asked()).toBe(100);
    await expectNothingTaken(attacked);
  });

  test("cut short, at 40 places", async () => {
    const attacked = await scene((__, response, body) => response.end(body.subarray(0, anywhere(body.length))));
    for (let i = 0; i < 20; i++) expect((await failureOf(attacked)).code).toBe("SIZE_MISMATCH");
    await expectNothingTaken(attacked);
  });

  test("a page says that it was a page", async () => {
    const attacked = await scene((__, response) => response.writeHead(200, { "content-type": "text/html" }).end(HTML));
    expect((await failureOf(attacked)).message).toMatch(/HTML page/);
  });
});

describe("what costs memory or time", () => {
  test("an endless body is left after what was signed for", async () => {
    let sent = 0;
    const closed: Promise<unknown>[] = [];
    const attacked = await scene((_, response) => {
      closed.push(new Promise((resolve) => response.once("close", resolve)));
      const piece = Buffer.alloc(SHARD_BYTES);
      const go = (): void => {
        if (!response.destroyed && response.write(piece)) setImmediate(go);
        else response.once("drain", go);
        sent += piece.length;
      };
      go();
    });
    expect((await failureOf(attacked)).code).toBe("LIMIT_EXCEEDED");
    await Promise.all(closed);
    // Two attempts, and what the kernel's buffers took.
    expect(sent).toBeLessThan(32 * MIB);
    await expectNothingTaken(attacked);
  });

  test("a gzip bomb on the way (Content-Encoding) is cut off where the signed size ends", async () => {
    const attacked = await scene((_, response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      const gzip = createGzip();
      gzip.pipe(response);
      response.once("close", () => gzip.destroy());
      let left = 1024;
      const zeros = Buffer.alloc(MIB);
      const go = (): void => {
        while (!gzip.destroyed && left-- > 0) if (!gzip.write(zeros)) return void gzip.once("drain", go);
        gzip.end();
      };
      go();
    });
    const peak = watchMemory();
    expect((await failureOf(attacked)).code).toBe("LIMIT_EXCEEDED");
    expect(peak()).toBeLessThan(128 * MIB);
    await expectNothingTaken(attacked);
  });

  test("a gzip bomb that was signed for (an encoding that expands 100 KiB to 100 MiB) is cut off where the blob's size ends", async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(100 * MIB)));
    const digest = await digestOf(bomb);
    const attacked = await scene(
      (_, response, body) => response.end(body),
      {
        change: async (published) => {
          const variants = published.manifest.variants.map((variant) => ({
            ...variant,
            shards: variant.shards.map((shard, at) => (at === 1 ? { ...shard, encodings: [{ codec: "gzip", digest, size: bomb.byteLength }] } : shard)),
          }));
          return republish(published, { ...published.manifest, variants }, new Map([[digest, bomb]]));
        },
      },
    );
    const peak = watchMemory();
    expect((await failureOf(attacked)).code).toBe("ENCODING_INVALID");
    expect(peak()).toBeLessThan(64 * MIB);
    await expectNothingTaken(attacked);
  });

  test("one byte a second is too slow, and is found out by the clock", async () => {
    const clock = testClock();
    const attacked = await scene((_, response) => {
      response.writeHead(200).write("x", () => setImmediate(() => clock.passWindow()));
    }, { clock });
    const error = await failureOf(attacked);
    expect(error.code).toBe("SLOW_RETRIEVAL");
    expect(attacked.asked()).toBe(LIMITS.fetchAttempts);
    await expectNothingTaken(attacked);
  });

  test("bytes that say they are gzip and are not end by the clock at the latest (Node's fetch never ends such a body)", async () => {
    const clock = testClock();
    const attacked = await scene((_, response, body) => response.writeHead(200, { "content-encoding": "gzip" }).end(body, () => setImmediate(() => clock.passWindow())), { clock });
    expect(["NETWORK_FAILED", "SLOW_RETRIEVAL"]).toContain((await failureOf(attacked)).code);
    await expectNothingTaken(attacked);
  });

  test("a server that never answers is found out the same way, and an abort ends the wait at once", async () => {
    const asked: (() => void)[] = [];
    const attacked = await scene(() => asked.shift()?.());
    const abort = new AbortController();
    asked.push(() => abort.abort());
    await expect(attacked.device.fetcher.fetch(attacked.published.request, { signal: abort.signal })).rejects.toMatchObject({ code: "CANCELLED" });
    for (let i = 0; i < LIMITS.fetchAttempts; i++) asked.push(() => attacked.clock.passWindow());
    expect((await failureOf(attacked)).code).toBe("SLOW_RETRIEVAL");
  });
});

describe("what passes", () => {
  async function expectTaken({ device, published, victim, victimBytes }: Scene): Promise<void> {
    expect((await device.fetcher.fetch(published.request)).persisted).toBe(true);
    expect(await device.blobs.get(victim)).toEqual(victimBytes);
  }

  test("trouble of the server and breaks of the line, after a wait that grows", async () => {
    const answers: Answer[] = [
      (_, response) => response.writeHead(500).end(),
      (_, response) => void response.destroy(),
      (_, response) => response.writeHead(503, { "retry-after": "7" }).end(),
      (_, response, body) => response.end(body),
    ];
    const attacked = await scene((...given) => answers.shift()?.(...given));
    await expectTaken(attacked);
    expect(attacked.clock.slept.length).toBe(3);
    expect(attacked.clock.slept[2]).toBeGreaterThanOrEqual(7000);
  });

  test("wrong bytes out of a cache, by asking once past it", async () => {
    const attacked = await scene((request, response, body) => {
      response.end(request.headers["cache-control"] === "no-cache" ? body : HTML);
    });
    await expectTaken(attacked);
    expect(attacked.asked()).toBe(2);
  });

  test("the right bytes under a Content-Encoding of the server's own", async () => {
    await expectTaken(await scene((_, response, body) => response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(body))));
  });

  test("the next time, with only what is missing, after any failure", async () => {
    let bad = true;
    const attacked = await scene((_, response, body) => response.end(bad ? HTML : body));
    await failureOf(attacked);
    bad = false;
    const before = attacked.asked();
    await expectTaken(attacked);
    expect(attacked.asked() - before).toBe(1);
  });

  test("a server that asks for an hour is not waited for here: the error says how long", async () => {
    const attacked = await scene((_, response) => response.writeHead(429, { "retry-after": "3600" }).end());
    const error = await failureOf(attacked);
    expect(error).toBeInstanceOf(HttpStatusError);
    expect(error).toMatchObject({ status: 429, retryAfterMs: 3_600_000 });
    expect(attacked.asked()).toBe(1);
  });
});

/** An answer whose headers are as they are written here. */
function raw(response: ServerResponse, header: string, body: Uint8Array): void {
  response.socket?.write(`HTTP/1.1 200 OK\r\nconnection: close\r\n${header}\r\n\r\n`);
  response.socket?.end(body);
}

/** The most memory that the process took beyond now, as far as a look every millisecond sees it. */
function watchMemory(): () => number {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 1);
  return () => {
    clearInterval(timer);
    return Math.max(most, process.memoryUsage.rss()) - before;
  };
}
