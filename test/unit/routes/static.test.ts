import { createHash } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { readdirSync, readlinkSync } from "node:fs";
import { connect } from "node:net";
import { createServer, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import { select } from "../../../sync-server/routes/conditional.ts";
import { createFileCache } from "../../../sync-server/routes/file-cache.ts";
import { createStaticFiles, type StaticFiles } from "../../../sync-server/routes/static-files.ts";
import { answerStatic } from "../../../sync-server/routes/static-listener.ts";
import { staticPath } from "../../../sync-server/routes/static-path.ts";
import { staticResponse } from "../../../sync-server/routes/static-response.ts";
import { createFolderStorage, type FileStorage } from "../../../sync-server/storage/index.ts";

const HEX = "a".repeat(64);

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe("which paths name a published file", () => {
  test.each([
    [`/blobs/sha256/${HEX}`, { path: `blobs/sha256/${HEX}`, kind: "blob", sha256: HEX, immutable: true }],
    ["/metadata/timestamp.json", { path: "metadata/timestamp.json", kind: "metadata", immutable: false }],
    ["/metadata/12.root.json", { path: "metadata/12.root.json", kind: "metadata", immutable: true }],
    ["/metadata/3.publisher-digits.json", { immutable: true }],
    [`/targets/models/digits/3/${HEX}.manifest.json`, { path: `targets/models/digits/3/${HEX}.manifest.json`, kind: "target", sha256: HEX, immutable: true }],
    [`/targets/${HEX}.x`, { path: `targets/${HEX}.x` }],
  ])("%s", (url, expected) => {
    expect(staticPath(url)).toMatchObject(expected);
  });

  test.each([
    "/blobs/sha256/",
    `/blobs/sha256/${HEX.toUpperCase()}`,
    `/blobs/sha256/${HEX}/`,
    `/blobs/sha512/${HEX}`,
    "/metadata/../keys/root.json",
    "/metadata/%2e%2e%2fkeys%2froot.json",
    "/metadata/..%5ckeys.json",
    "/metadata/.hidden.json",
    "/metadata/root.pem",
    "/metadata/%E0.json",
    "/metadata/a%00.json",
    `/targets/../keys/${HEX}.manifest.json`,
    `/targets/%2e%2e/keys/${HEX}.manifest.json`,
    "/targets/models/digits/3/manifest.json",
    "/keys/online.json",
    "/",
  ])("%s names none", (url) => {
    expect(staticPath(url)).toBeUndefined();
  });
});

describe("conditions", () => {
  const etag = '"sha256-x"';
  test.each([
    ["GET", {}, { status: 200 }],
    ["GET", { ifNoneMatch: etag }, { status: 304 }],
    ["HEAD", { ifNoneMatch: `W/${etag}` }, { status: 304 }],
    ["GET", { ifNoneMatch: `"other", ${etag}` }, { status: 304 }],
    ["GET", { ifNoneMatch: "*" }, { status: 304 }],
    ["GET", { ifNoneMatch: '"other"' }, { status: 200 }],
    ["GET", { ifNoneMatch: etag, range: "bytes=0-1" }, { status: 304 }],
    ["GET", { range: "bytes=0-3" }, { status: 206, start: 0, end: 3 }],
    ["GET", { range: "bytes=4-" }, { status: 206, start: 4, end: 9 }],
    ["GET", { range: "bytes=-3" }, { status: 206, start: 7, end: 9 }],
    ["GET", { range: "bytes=-30" }, { status: 206, start: 0, end: 9 }],
    ["GET", { range: "bytes=8-100" }, { status: 206, start: 8, end: 9 }],
    ["GET", { range: "Bytes=0-0" }, { status: 206, start: 0, end: 0 }],
    ["GET", { range: "bytes=10-" }, { status: 416 }],
    ["GET", { range: "bytes=-0" }, { status: 416 }],
    ["GET", { range: "bytes=5-4" }, { status: 200 }],
    ["GET", { range: "bytes=0-1,3-4" }, { status: 200 }],
    ["GET", { range: "bytes=-" }, { status: 200 }],
    ["GET", { range: "lines=1-2" }, { status: 200 }],
    ["GET", { range: "bytes=99999999999999999-" }, { status: 200 }],
    ["HEAD", { range: "bytes=0-3" }, { status: 200 }],
    ["GET", { range: "bytes=0-3", ifRange: etag }, { status: 206, start: 0, end: 3 }],
    ["GET", { range: "bytes=0-3", ifRange: `W/${etag}` }, { status: 200 }],
    ["GET", { range: "bytes=0-3", ifRange: "Tue, 24 Nov 2026 16:00:00 GMT" }, { status: 200 }],
  ])("%s %j gives %j", (method, conditions, expected) => {
    expect(select(method, conditions, etag, 10)).toEqual(expected);
  });

  test("no range of an empty file can be satisfied", () => {
    expect(select("GET", { range: "bytes=0-" }, etag, 0)).toEqual({ status: 416 });
    expect(select("GET", { range: "bytes=-1" }, etag, 0)).toEqual({ status: 416 });
  });
});

describe("the file cache", () => {
  const kib = (count: number) => new Uint8Array(count * 1024);

  test("drops what was used longest ago", () => {
    const cache = createFileCache(20 * 1024);
    cache.put("a", kib(8));
    cache.put("b", kib(8));
    cache.get("a");
    expect(cache.put("c", kib(8))).toBe(true);
    expect(["a", "b", "c"].map((path) => cache.get(path) !== undefined)).toEqual([true, false, true]);
    expect(cache.bytes).toBeLessThanOrEqual(20 * 1024);
  });

  test("never drops, and always counts, what is being sent", () => {
    const cache = createFileCache(20 * 1024);
    cache.put("a", kib(8));
    cache.put("b", kib(8));
    const releases = [cache.lease("a"), cache.lease("b")];
    expect(cache.put("c", kib(8))).toBe(false);
    expect(cache.get("a")).toBeDefined();
    releases[0]?.();
    releases[0]?.();
    expect(cache.put("c", kib(8))).toBe(true);
    expect(cache.get("a")).toBeUndefined();
    expect(cache.get("b")).toBeDefined();
  });
});

const small = new TextEncoder().encode("0123456789");
const large = new Uint8Array(LIMITS.cachedFileBytes + 5).map((_, at) => at % 251);
const small_ = `/blobs/sha256/${sha256(small)}`;
const large_ = `/blobs/sha256/${sha256(large)}`;

let storage: FileStorage;
let files: StaticFiles;
let origin: string;
let stop: () => void;

beforeAll(async () => {
  storage = createFolderStorage(await mkdtemp(join(tmpdir(), "ashore-static-")));
  await storage.write(small_.slice(1), small);
  await storage.write(large_.slice(1), large);
  await storage.write("metadata/timestamp.json", new TextEncoder().encode('{"version":1}'));
  await storage.write("metadata/1.root.json", new TextEncoder().encode('{"root":1}'));
  files = createStaticFiles({ storage, now: () => performance.now() });
  const server = createServer((request, response) => {
    if (!answerStatic(files, request, response, { onAnswer: () => undefined, onError: () => undefined })) response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  origin = typeof address === "object" && address !== null ? `http://127.0.0.1:${address.port}` : "";
  stop = () => void server.close();
});
afterAll(() => stop());

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

function overHttp(path: string, init: { method?: string; headers?: Record<string, string> }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    httpRequest(`${origin}${path}`, { method: init.method ?? "GET", headers: init.headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: ours(response.headers), body: Buffer.concat(chunks) }));
      response.on("error", reject);
    })
      .on("error", reject)
      .end();
  });
}

function ours({ date: _date, connection: _connection, "transfer-encoding": _encoding, ...headers }: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

async function asResponse(path: string, init: { method?: string; headers?: Record<string, string> }): Promise<Answer> {
  const response = await staticResponse(files, new Request(`http://test${path}`, init), path);
  if (response === undefined) return { status: 418, headers: {}, body: Buffer.alloc(0) };
  return { status: response.status, headers: Object.fromEntries(response.headers), body: Buffer.from(await response.arrayBuffer()) };
}

describe.each([
  ["node:http", overHttp],
  ["Response", asResponse],
])("by %s", (_, get) => {
  test("a blob comes whole, with its digest as a strong ETag, to be kept for ever by anyone", async () => {
    const answer = await get(small_, {});
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toBe("0123456789");
    expect(answer.headers).toMatchObject({
      etag: `"sha256-${sha256(small)}"`,
      "content-type": "application/octet-stream",
      "content-length": "10",
      "accept-ranges": "bytes",
      "access-control-allow-origin": "*",
      "cross-origin-resource-policy": "cross-origin",
      "repr-digest": `sha-256=:${Buffer.from(sha256(small), "hex").toString("base64")}:`,
    });
    expect(answer.headers["cache-control"]).toMatch(/max-age=31536000, immutable, no-transform/);
    expect(answer.headers["access-control-expose-headers"]).toMatch(/Content-Range/);
  });

  test("304 has no body, and the headers that a cache renews", async () => {
    const answer = await get(small_, { headers: { "if-none-match": `"sha256-${sha256(small)}"` } });
    expect(answer).toMatchObject({ status: 304, headers: { etag: `"sha256-${sha256(small)}"`, "access-control-allow-origin": "*" } });
    expect(answer.body).toHaveLength(0);
  });

  test("HEAD has the headers of GET and no body", async () => {
    const head = await get(small_, { method: "HEAD" });
    expect(head.body).toHaveLength(0);
    expect(head.headers).toEqual((await get(small_, {})).headers);
  });

  test.each([
    ["small", small_, small, "bytes=2-4", 2, 4],
    ["streamed", large_, large, `bytes=${large.byteLength - 7}-`, large.byteLength - 7, large.byteLength - 1],
  ] as const)("a range of a %s file", async (_size, path, bytes, range, start, end) => {
    const answer = await get(path, { headers: { range } });
    expect(answer.status).toBe(206);
    expect(answer.headers).toMatchObject({ "content-range": `bytes ${start}-${end}/${bytes.byteLength}`, "content-length": String(end - start + 1) });
    expect(answer.body.equals(bytes.subarray(start, end + 1))).toBe(true);
  });

  test("several ranges are answered with the whole", async () => {
    expect(await get(small_, { headers: { range: "bytes=0-1,4-5" } })).toMatchObject({ status: 200, headers: { "content-length": "10" } });
  });

  test("a range past the end is refused with the size", async () => {
    const answer = await get(small_, { headers: { range: "bytes=10-" } });
    expect(answer).toMatchObject({ status: 416, headers: { "content-range": "bytes */10" } });
    expect(answer.body).toHaveLength(0);
  });

  test("a file too large for memory is streamed whole", async () => {
    const answer = await get(large_, {});
    expect(answer.headers["content-length"]).toBe(String(large.byteLength));
    expect(answer.body.equals(large)).toBe(true);
  });

  test("the timestamp is short-lived, has the digest of its bytes as ETag, and is new as soon as it was signed anew", async () => {
    const before = await get("/metadata/timestamp.json", {});
    expect(before.headers["cache-control"]).toMatch(/max-age=\d\d?, must-revalidate/);
    expect(before.headers["etag"]).toBe(`"sha256-${sha256(before.body)}"`);
    expect((await get("/metadata/timestamp.json", { headers: { "if-none-match": before.headers["etag"] ?? "" } })).status).toBe(304);
    const next = Buffer.from(`{"version":${Math.random()}}`);
    await storage.write("metadata/timestamp.json", new Uint8Array(next));
    files.refresh();
    const after = await get("/metadata/timestamp.json", { headers: { "if-none-match": before.headers["etag"] ?? "" } });
    expect(after.status).toBe(200);
    expect(after.body.equals(next)).toBe(true);
  });

  test("a numbered root is kept for ever; that there is no next one, a minute; that there is no blob, not at all", async () => {
    expect((await get("/metadata/1.root.json", {})).headers["cache-control"]).toMatch(/immutable/);
    expect(await get("/metadata/2.root.json", {})).toMatchObject({ status: 404, headers: { "cache-control": "public, max-age=60" } });
    const none = await get(`/blobs/sha256/${HEX}`, {});
    expect(none).toMatchObject({ status: 404, headers: { "cache-control": "no-store", "content-type": "application/json" } });
    expect(JSON.parse(none.body.toString())).toMatchObject({ code: "NOT_FOUND" });
  });

  test("other methods and paths are left to others", async () => {
    expect((await get(small_, { method: "POST" })).status).toBe(418);
    expect((await get("/v1/models", {})).status).toBe(418);
  });
});

const TIMESTAMP = "/metadata/timestamp.json";

async function textAt(own: StaticFiles, pathname: string): Promise<string> {
  const file = await own.find(pathname);
  return new TextDecoder().decode(file === undefined ? undefined : await own.bytes(file));
}

test("another process's signature is noticed without being told", async () => {
  let now = 0;
  const own = createStaticFiles({ storage, now: () => now });
  await textAt(own, TIMESTAMP);
  await storage.write("metadata/timestamp.json", new TextEncoder().encode('{"version":"other"}'));
  now = 1000;
  expect(await textAt(own, TIMESTAMP)).toBe('{"version":"other"}');
});

test("a read that began before a signature is not taken for the new file", async () => {
  let content = "old";
  const gates: (() => void)[] = [];
  const slow: FileStorage = {
    ...storage,
    stat: async () => ({ size: 3, modified: content === "old" ? 1 : 2 }),
    // The bytes are those of the moment of the call; they arrive when the gate is opened.
    read: (_path) => {
      const bytes = new TextEncoder().encode(content);
      return new Promise((resolve) => gates.push(() => resolve(bytes)));
    },
  };
  const own = createStaticFiles({ storage: slow, now: () => 0 });
  const early = textAt(own, TIMESTAMP);
  await expect.poll(() => gates.length).toBe(1);
  content = "new";
  own.refresh();
  const late = textAt(own, TIMESTAMP);
  await expect.poll(() => gates.length).toBe(2);
  gates[1]?.();
  expect(await late).toBe("new");
  // The early read ends last; what it saw must not be what is answered from now on.
  gates[0]?.();
  expect(await early).toBe("old");
  expect(await textAt(own, TIMESTAMP)).toBe("new");
});

test("a 304 reads no bytes", async () => {
  const reads: string[] = [];
  const own = createStaticFiles({ now: () => 0, storage: { ...storage, read: (path) => (reads.push(path), storage.read(path)) } });
  const request = new Request("http://test", { headers: { "if-none-match": `"sha256-${sha256(large)}"` } });
  expect((await staticResponse(own, request, large_))?.status).toBe(304);
  expect(reads).toEqual([]);
});

test.skipIf(process.platform !== "linux")("clients that go away leave no file open (Linux tells which are)", async () => {
  const openFiles = (): number => readdirSync("/proc/self/fd").filter((fd) => linkOf(`/proc/self/fd/${fd}`).endsWith(sha256(large))).length;
  // At once, after the first piece, and in the middle.
  for (const after of [0, 1, large.byteLength / 2]) {
    await Promise.all(Array.from({ length: 4 }, () => leaveAfter(after)));
    await expect.poll(openFiles, { timeout: 10_000 }).toBe(0);
  }
});

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Asks for the large blob and closes the connection when that many bytes have come. */
function leaveAfter(bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    const socket = connect(Number(port), hostname, () => socket.write(`GET ${large_} HTTP/1.1\r\nHost: test\r\n\r\n`, () => bytes === 0 && socket.destroy()));
    let received = 0;
    socket.on("data", (chunk: Buffer) => {
      received += chunk.byteLength;
      if (received >= bytes) socket.destroy();
    });
    socket.once("error", reject);
    socket.once("close", () => resolve());
  });
}

test("memory stays bounded while many slow clients hold different files", async () => {
  const folder = createFolderStorage(await mkdtemp(join(tmpdir(), "ashore-bounded-")));
  const blobs = Array.from({ length: 4 }, (_, at) => new Uint8Array(1024 * 1024).fill(at));
  for (const blob of blobs) await folder.write(`blobs/sha256/${sha256(blob)}`, blob);
  const own = createStaticFiles({ storage: folder, now: () => 0, maxBytes: 2.5 * 1024 * 1024 });
  const inMemory: boolean[] = [];
  for (const blob of blobs) {
    const file = await own.find(`/blobs/sha256/${sha256(blob)}`);
    if (file === undefined) throw new Error("not found");
    inMemory.push((await own.bytes(file)) !== undefined);
    own.lease(file);
  }
  expect(inMemory).toEqual([true, true, false, false]);
});
