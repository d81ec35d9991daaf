import { beforeEach, describe, expect, test } from "vitest";
import { AshoreError } from "../../../protocol/errors.ts";
import { modelName, version } from "../../../protocol/names.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { createApp, type App } from "../../../sync-server/app.ts";
import { createStaticFiles } from "../../../sync-server/routes/static-files.ts";
import type { FileStorage } from "../../../sync-server/storage/index.ts";

const nothing: FileStorage = {
  stat: async () => undefined,
  read: async () => undefined,
  stream: async () => undefined,
  write: async () => undefined,
  receive: async () => undefined,
  delete: async () => undefined,
  list: async () => [],
  sweep: async () => [],
};

const SITE: Readonly<Record<string, string>> = { "index.html": "<!doctype html><title>demo</title>", "assets/app-1a2b.js": "go();", "manifest.webmanifest": "{}", ".env": "SECRET", "notes.unknown": "?" };

let moves: number[];
let app: App;

beforeEach(() => {
  moves = [];
  app = createApp({
    storage: nothing,
    files: createStaticFiles({ storage: nothing, now: () => 0 }),
    now: () => 0,
    configured: () => [],
    repository: { failed: () => [], problem: () => undefined },
    demo: {
      model: modelName("digits"),
      site: {
        read: async (path) => (SITE[path] === undefined ? undefined : new TextEncoder().encode(SITE[path])),
        compress: async (bytes) => bytes,
      },
      moveTo: async (to) => {
        if (to > 2) throw new AshoreError("NOT_FOUND", "Not published.");
        moves.push(to);
      },
    },
  });
});

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> => app.fetch(new Request(`http://demo.test${path}`, { headers }));
const post = (body: string, headers: Record<string, string> = { origin: "http://demo.test" }): Promise<Response> => app.fetch(new Request("http://demo.test/demo/publish", { method: "POST", body, headers }));

describe("the demo's files", () => {
  test.each([
    ["/", "text/html; charset=utf-8", SITE["index.html"]],
    ["/assets/app-1a2b.js", "text/javascript; charset=utf-8", SITE["assets/app-1a2b.js"]],
    ["/manifest.webmanifest", "application/manifest+json", "{}"],
  ])("%s is served as %s, checked at every use, under a policy", async (path, type, body) => {
    const answer = await get(path);
    expect([answer.status, answer.headers.get("content-type"), answer.headers.get("cache-control"), await answer.text()]).toEqual([200, type, "no-cache", body]);
    expect(answer.headers.get("content-security-policy")).toContain("script-src 'self' 'wasm-unsafe-eval'");
    expect((await get(path, { "if-none-match": answer.headers.get("etag") ?? "" })).status).toBe(304);
  });

  test.each(["/.env", "/notes.unknown", "/assets/", "/absent.js", "/assets/..%2f.env", "/%2e%2e/package.json"])("%s is not", async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test("stand behind the server's own routes", async () => {
    expect(await (await get("/healthz")).json()).toEqual({ status: "ok" });
  });
});

describe("POST /demo/publish", () => {
  test("moves the model for the demo's own page", async () => {
    for (const to of [2, 1]) {
      const answer = await post(JSON.stringify({ version: to }));
      expect([answer.status, await answer.json()]).toEqual([200, { model: "digits", version: to }]);
    }
    expect(moves).toEqual([version(2), version(1)]);
  });

  test("GET says that there is a control", async () => {
    const answer = await get("/demo/publish");
    expect([answer.status, await answer.json()]).toEqual([200, { model: "digits" }]);
  });

  test.each([
    ["another origin", { origin: "https://evil.test" }],
    ["an opaque origin", { origin: "null" }],
    ["no origin", {}],
  ])("refuses %s", async (_, headers) => {
    const answer = await post(`{"version":2}`, headers);
    expect([answer.status, await answer.json()]).toMatchObject([403, { code: "PERMISSION_DENIED" }]);
    expect(moves).toEqual([]);
  });

  test.each([
    ["{", 400, "JSON_INVALID"],
    [`{"version":0}`, 400, "SCHEMA_INVALID"],
    [`{"version":1,"model":"other"}`, 400, "SCHEMA_INVALID"],
    [" ".repeat(LIMITS.controlBodyBytes + 1), 429, "LIMIT_EXCEEDED"],
    [`{"version":3}`, 404, "NOT_FOUND"],
  ])("answers %j with %i %s", async (body, status, code) => {
    const answer = await post(body);
    expect([answer.status, await answer.json()]).toMatchObject([status, { code }]);
    expect(moves).toEqual([]);
  });

  test("is not there without a demo", async () => {
    const plain = createApp({ storage: nothing, files: createStaticFiles({ storage: nothing, now: () => 0 }), now: () => 0, configured: () => [], repository: { failed: () => [], problem: () => undefined } });
    expect((await plain.fetch(new Request("http://demo.test/demo/publish", { method: "POST", body: `{"version":2}`, headers: { origin: "http://demo.test" } }))).status).toBe(404);
  });
});
