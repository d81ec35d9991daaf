import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import { modelName } from "../../../protocol/names.ts";
import { createApp, type App } from "../../../sync-server/app.ts";
import type { RoleUpload } from "../../../sync-server/publish/index.ts";
import { OPENAPI } from "../../../sync-server/routes/openapi-document.ts";
import { createStaticFiles } from "../../../sync-server/routes/static-files.ts";
import { createFolderStorage, type FileStorage } from "../../../sync-server/storage/index.ts";
import { systemClock } from "../../../sync-server/system-clock.ts";
import { openTokens, type Tokens } from "../../../sync-server/tokens.ts";

const BYTES = new TextEncoder().encode("weights");
const HEX = createHash("sha256").update(BYTES).digest("hex");
const BLOB = `/blobs/sha256/${HEX}`;
const MANIFEST = `/targets/models/digits/3/${HEX}.manifest.json`;
const METADATA = "/metadata/publisher-digits.json";

let dataDir: string;
let storage: FileStorage;
let tokens: Tokens;
let app: App;
let received: RoleUpload[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "ashore-write-"));
  storage = createFolderStorage(dataDir);
  tokens = openTokens({ dataDir, clock: systemClock });
  received = [];
  app = createApp({
    storage,
    files: createStaticFiles({ storage, now: () => performance.now() }),
    now: () => 0,
    configured: () => [],
    repository: { failed: () => [], problem: () => undefined },
    write: {
      bearer: tokens.bearer,
      receive: async (upload) => {
        received.push(upload);
        return { changed: true, version: 1, model: modelName("digits"), offered: [] };
      },
    },
  });
});
afterEach(() => rm(dataDir, { recursive: true }));

interface Sent {
  readonly token?: string | undefined;
  readonly body?: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
}

function put(path: string, { token, body = BYTES, headers = {} }: Sent = {}): Promise<Response> {
  return app.fetch(new Request(`http://server.test${path}`, { method: "PUT", body, headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }, duplex: "half" }));
}

async function refusal(answer: Promise<Response>): Promise<[number, unknown]> {
  const { status, headers, body } = await answer;
  expect(headers.get("cache-control")).toBe("no-store");
  const { code, error } = JSON.parse(await new Response(body).text()) as { code: unknown; error: unknown };
  expect(error).toEqual(expect.any(String));
  return [status, code];
}

const contents = async (): Promise<readonly string[]> => [...(await storage.list("blobs")), ...(await storage.list("targets"))].map(({ path }) => path);

/** A body that says nothing of its length. */
function streamed(...pieces: number[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull: (controller) => {
      const size = pieces.shift();
      if (size === undefined) controller.close();
      else controller.enqueue(new Uint8Array(size));
    },
  });
}

describe("before a token was made", () => {
  test.each([BLOB, MANIFEST, METADATA])("nothing is at PUT %s", async (path) => {
    expect(await refusal(put(path, { token: "ashore_guess" }))).toEqual([404, "NOT_FOUND"]);
    expect(await contents()).toEqual([]);
  });
});

describe("with a publisher's token", () => {
  let token: string;
  beforeEach(async () => {
    ({ token } = await tokens.add("publisher-digits"));
  });

  test.each([[BLOB, `blobs/sha256/${HEX}`], [MANIFEST, `targets/models/digits/3/${HEX}.manifest.json`]])("PUT %s keeps what has that digest, however often it is sent, and it is served", async (path, stored) => {
    for (let i = 0; i < 2; i++) expect((await put(path, { token })).status).toBe(201);
    expect(await contents()).toEqual([stored]);
    const served = await app.fetch(new Request(`http://server.test${path}`));
    expect([served.status, await served.text()]).toEqual([200, "weights"]);
    const head = await app.fetch(new Request(`http://server.test${path}`, { method: "HEAD" }));
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "7"]);
  });

  test("HEAD tells of a blob that went meanwhile, though it was served before", async () => {
    await put(BLOB, { token });
    const head = async (): Promise<number> => (await app.fetch(new Request(`http://server.test${BLOB}`, { method: "HEAD" }))).status;
    expect(await head()).toBe(200);
    await storage.delete(`blobs/sha256/${HEX}`);
    expect(await head()).toBe(404);
  });

  test("the role's metadata goes to where it is published, under the token's role", async () => {
    const answer = await put(METADATA, { token });
    expect([answer.status, await answer.json()]).toEqual([200, { changed: true, version: 1, model: "digits", offered: [] }]);
    expect(received).toEqual([{ role: "publisher-digits", bytes: BYTES }]);
  });

  test.each([BLOB, MANIFEST, METADATA])("without it, with a wrong one, or after it was revoked, PUT %s is 401 and keeps nothing", async (path) => {
    for (const wrong of [undefined, "", "ashore_guess", `${token}x`, token.toUpperCase()]) {
      const answer = await put(path, { token: wrong });
      expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="ashore"']);
    }
    expect((await put(path, { headers: { authorization: `Basic ${token}` } })).status).toBe(401);
    const [mine] = await tokens.list();
    await tokens.add("publisher-pears");
    await tokens.revoke(mine?.id ?? "");
    expect(await refusal(put(path, { token }))).toEqual([401, "UNAUTHENTICATED"]);
    expect([await contents(), received]).toEqual([[], []]);
  });

  test.each([
    "/metadata/publisher-pears.json",
    "/metadata/publisher.json",
    "/metadata/targets.json",
    "/metadata/serving.json",
    "/metadata/timestamp.json",
    "/metadata/2.root.json",
    "/metadata/1.publisher-digits.json",
    `/targets/models/pears/3/${HEX}.manifest.json`,
    `/targets/models/digits/x/${HEX}.manifest.json`,
    `/targets/models/digits/0/${HEX}.manifest.json`,
    `/targets/models/digits/3/4/${HEX}.manifest.json`,
    `/targets/models/digits/3/${HEX}.other.json`,
    `/targets/serving/${HEX}.digits.json`,
  ])("PUT %s is none of that publisher's: 403", async (path) => {
    expect(await refusal(put(path, { token }))).toEqual([403, "PERMISSION_DENIED"]);
    expect([await contents(), received]).toEqual([[], []]);
  });

  test.each(["/keys/root.json", "/tokens.json", "/metadata/../tokens.json", "/metadata/..%2Ftokens.json", "/targets/models/digits/3/manifest.json", "/blobs/sha256/abc", "/v2/anything", "/"])("PUT %s is no place to write to", async (path) => {
    expect(await refusal(put(path, { token }))).toEqual([404, "NOT_FOUND"]);
    expect([await contents(), received]).toEqual([[], []]);
  });

  test("a body of another digest is refused, and nothing of it is kept", async () => {
    for (const path of [BLOB, MANIFEST]) expect(await refusal(put(path, { token, body: new TextEncoder().encode("Weights") }))).toEqual([400, "DIGEST_MISMATCH"]);
    expect(await contents()).toEqual([]);
  });

  test.each([
    [BLOB, LIMITS.uploadBytes],
    [MANIFEST, LIMITS.manifestBytes],
    [METADATA, LIMITS.targetsBytes],
  ])("a body for %s that is announced with more than %d bytes is refused before it is read", async (path, most) => {
    let pulled = false;
    const body = new ReadableStream({ pull: () => void (pulled = true) }, { highWaterMark: 0 });
    expect(await refusal(put(path, { token, body, headers: { "content-length": String(most + 1) } }))).toEqual([413, "LIMIT_EXCEEDED"]);
    expect(pulled).toBe(false);
  });

  test.each([
    [MANIFEST, LIMITS.manifestBytes],
    [METADATA, LIMITS.targetsBytes],
  ])("a body for %s that goes on past %d bytes is refused there", async (path, most) => {
    expect(await refusal(put(path, { token, body: streamed(most, 1) }))).toEqual([413, "LIMIT_EXCEEDED"]);
    expect([await contents(), received]).toEqual([[], []]);
  });

  test("a body that breaks off is refused, and nothing of it is kept", async () => {
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(BYTES.subarray(0, 3));
        controller.error(new Error("gone"));
      },
    });
    expect(await refusal(put(BLOB, { token, body }))).toEqual([400, "NETWORK_FAILED"]);
    expect(await contents()).toEqual([]);
  });

  test("every upload that the OpenAPI document names is there", async () => {
    const values: Record<string, string> = { file: "publisher-digits.json", path: MANIFEST.slice("/targets/".length), hex: HEX };
    const uploads = Object.entries(OPENAPI.paths).filter(([, { put: operation }]) => operation !== undefined);
    expect(uploads).toHaveLength(3);
    for (const [template, { put: operation }] of uploads) {
      const path = template.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
      const { status } = await put(path, { token });
      expect([path, Object.hasOwn(operation?.responses ?? {}, String(status)), status < 300]).toEqual([path, true, true]);
    }
  });

  test("no page of another origin may write, or read what is answered", async () => {
    const answers = [await put(BLOB, { token }), await put(BLOB), await put(METADATA, { token }), await put("/metadata/root.json", { token })];
    for (const { headers } of answers) expect([...headers.keys()].filter((name) => name.startsWith("access-control-") || name === "cross-origin-resource-policy")).toEqual([]);
    const preflight = await app.fetch(new Request(`http://server.test${BLOB}`, { method: "OPTIONS", headers: { origin: "https://page.test", "access-control-request-method": "PUT" } }));
    expect(preflight.headers.get("access-control-allow-methods")).not.toMatch(/PUT/);
  });
});

describe("the file of tokens", () => {
  test("holds no token, is for its owner alone, and knows them again", async () => {
    const added = [await tokens.add("publisher-digits"), await tokens.add("publisher-digits"), await tokens.add("publisher-a.b")];
    expect(new Set(added.map(({ token }) => token)).size).toBe(3);
    const text = await readFile(join(dataDir, "tokens.json"), "utf8");
    for (const { token } of added) {
      expect(token).toMatch(/^ashore_[A-Za-z0-9_-]{43}$/);
      expect(text).not.toContain(token.slice("ashore_".length));
    }
    expect((await stat(join(dataDir, "tokens.json"))).mode & 0o777).toBe(0o600);
    const again = openTokens({ dataDir, clock: systemClock });
    expect(await Promise.all(added.map(({ token }) => again.bearer(`Bearer ${token}`)))).toEqual(added.map(({ role }) => ({ role })));
    expect((await again.list()).map(({ id }) => id)).toEqual(added.map(({ id }) => id));
  });

  test.each(["publisher", "publisher-", "publisher-a/b", "targets", "serving", "root", "digits"])("no token is made for the role %j", async (role) => {
    await expect(tokens.add(role)).rejects.toMatchObject({ code: "NAME_INVALID" });
    expect(await tokens.list()).toEqual([]);
  });

  test("only what is there is revoked", async () => {
    await expect(tokens.revoke("00000000")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
