import { createHash } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { modelName, version, type ModelName } from "../../../protocol/names.ts";
import { manifestPath, printServingConfig, servingConfigPath, type ServingConfig, type TargetInfo } from "../../../protocol/serving-config.ts";
import type { VersionStatus } from "../../../protocol/states.ts";
import { createApp, type App, type AppOptions } from "../../../sync-server/app.ts";
import type { Inference } from "../../../sync-server/inference.ts";
import type { OPENAPI } from "../../../sync-server/routes/openapi-document.ts";
import { createStaticFiles } from "../../../sync-server/routes/static-files.ts";
import { createFolderStorage, targetPath, type FileStorage } from "../../../sync-server/storage/index.ts";

const DIGITS = modelName("digits");
const BROKEN = modelName("broken");
const MANIFEST = new TextEncoder().encode('{"schemaVersion":1,"model":"digits"}\n');

let storage: FileStorage;
let manifestTarget: TargetInfo;

async function writeTarget(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<TargetInfo> {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  await storage.write(targetPath(path, sha256), bytes);
  return { sha256, length: bytes.byteLength };
}

function writeJson(path: string, value: unknown): Promise<void> {
  return storage.write(path, new TextEncoder().encode(JSON.stringify(value)));
}

/** What a signer would leave in the folder, without the signatures, which no route looks at. */
async function publish(config: Pick<ServingConfig, "versions" | "labels">, metadataVersion: number): Promise<void> {
  const whole: ServingConfig = { schemaVersion: 1, model: DIGITS, policy: { latest: 1 }, blocked: [], halt: false, pollSeconds: 60, ...config };
  const { sha256, length } = await writeTarget(servingConfigPath(DIGITS), printServingConfig(whole));
  await writeJson(`metadata/${metadataVersion}.serving.json`, { signed: { targets: { [servingConfigPath(DIGITS)]: { length, hashes: { sha256 } } } } });
  await writeJson(`metadata/${metadataVersion}.snapshot.json`, { signed: { expires: "2030-01-01T00:00:00Z", meta: { "serving.json": { version: metadataVersion } } } });
  await writeJson("metadata/timestamp.json", { signed: { expires: "2030-01-01T00:00:00Z", meta: { "snapshot.json": { version: metadataVersion } } } });
}

beforeAll(async () => {
  storage = createFolderStorage(await mkdtemp(join(tmpdir(), "ashore-app-")));
  manifestTarget = await writeTarget(manifestPath(DIGITS, version(3)), MANIFEST);
  await publish({ versions: [{ version: version(3), manifest: manifestTarget }], labels: { stable: version(3) } }, 1);
});

function appWith(options: Partial<AppOptions> = {}): App {
  const files = createStaticFiles({ storage, now: () => performance.now() });
  return createApp({ storage, files, now: () => Date.now(), configured: () => [], repository: { failed: () => [], problem: () => undefined }, ...options });
}

function get(app: App, path: string, init?: RequestInit): Promise<Response> {
  return app.fetch(new Request(`http://test${path}`, init));
}

/** A runtime that says in its answers that it was asked. */
function runtimeWith(statuses: readonly VersionStatus[]): () => Inference {
  return () => ({
    status: (model) => (model === DIGITS ? statuses : undefined),
    handle: async ({ method, target }) => ({ status: 200, headers: { "content-type": "application/json", "x-ashore-served-by": "device" }, body: JSON.stringify({ method, target }) }),
  });
}

describe("/manifests", () => {
  test("lists models and versions, out of what is signed", async () => {
    const answer = await get(appWith(), "/manifests");
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      expires: "2030-01-01T00:00:00Z",
      models: [
        {
          name: "digits",
          versions: [{ version: 3, digest: `sha256:${manifestTarget.sha256}`, size: MANIFEST.byteLength, labels: ["stable"], blocked: false, manifest: "/manifests/digits/versions/3" }],
          labels: { stable: 3 },
          policy: { latest: 1 },
        },
      ],
    });
    expect(await (await get(appWith(), "/manifests/digits")).json()).toMatchObject({ name: "digits", config: { pollSeconds: 60 } });
  });

  test.each(["/manifests/digits/versions/3", "/manifests/digits/versions/003", "/manifests/digits/labels/stable"])("%s gives the manifest's own bytes", async (path) => {
    const answer = await get(appWith(), path);
    expect(answer.status).toBe(200);
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(MANIFEST);
    expect(answer.headers.get("etag")).toBe(`"sha256-${manifestTarget.sha256}"`);
    expect(answer.headers.get("content-location")).toBe("/manifests/digits/versions/3");
    const again = await get(appWith(), path, { headers: { "if-none-match": answer.headers.get("etag") ?? "" } });
    expect(again.status).toBe(304);
  });

  test.each([
    ["/manifests/none", 404, "NOT_FOUND"],
    ["/manifests/..%2fkeys", 404, "NOT_FOUND"],
    ["/manifests/digits/versions/4", 404, "NOT_FOUND"],
    ["/manifests/digits/versions/latest", 400, "VERSION_INVALID"],
    ["/manifests/digits/labels/canary", 404, "NOT_FOUND"],
    ["/manifests/digits/labels/__proto__", 404, "NOT_FOUND"],
    ["/nothing", 404, "NOT_FOUND"],
  ])("%s is %i", async (path, status, code) => {
    const answer = await get(appWith(), path);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ code, error: expect.stringMatching(/./) });
  });

  test("what is signed later is told", async () => {
    const app = appWith();
    await get(app, "/manifests");
    await publish({ versions: [], labels: {} }, 2);
    await expect.poll(async () => (await get(app, "/manifests/digits")).json()).toMatchObject({ versions: [] });
    await publish({ versions: [{ version: version(3), manifest: manifestTarget }], labels: { stable: version(3) } }, 3);
  });
});

describe("readiness", () => {
  const ready = async (options: Partial<AppOptions>): Promise<{ status: number; body: { models: { name: string; ready: boolean; reason?: string }[] } }> => {
    const answer = await get(appWith(options), "/readyz");
    return { status: answer.status, body: (await answer.json()) as { models: { name: string; ready: boolean; reason?: string }[] } };
  };
  const available: VersionStatus = { version: version(3), state: "AVAILABLE" };
  const failed: VersionStatus = { version: version(1), state: "END", error: { code: "MODEL_MALFORMED", message: "no graph" } };

  test("200 once each configured model is AVAILABLE", async () => {
    expect(await ready({ configured: () => [DIGITS], inference: runtimeWith([available]) })).toMatchObject({ status: 200, body: { ready: true } });
    expect(await ready({ configured: () => [DIGITS], inference: runtimeWith([{ version: version(3), state: "LOADING" }]) })).toMatchObject({ status: 503, body: { models: [{ reason: "version 3 is in state LOADING" }] } });
    expect(await ready({ configured: () => [DIGITS], inference: () => undefined })).toMatchObject({ status: 503, body: { models: [{ reason: "published, and not loaded yet" }] } });
  });

  test("a model that ended counts, with its reason", async () => {
    const repository = { failed: (model: ModelName) => (model === BROKEN ? [failed] : []), problem: () => undefined };
    expect(await ready({ configured: () => [DIGITS, BROKEN], repository, inference: runtimeWith([available]) })).toMatchObject({
      status: 200,
      body: { models: [{ name: "digits", ready: true }, { name: "broken", ready: true, reason: "no graph" }] },
    });
  });

  test("a model whose repository is missing is waited for, and the body says why", async () => {
    const repository = { failed: () => [], problem: (model: ModelName) => (model === BROKEN ? "no such folder" : undefined) };
    expect(await ready({ configured: () => [DIGITS, BROKEN], repository, inference: runtimeWith([available]) })).toMatchObject({ status: 503, body: { models: [{}, { ready: false, reason: "no such folder" }] } });
  });

  test("without inference, published is ready", async () => {
    expect(await ready({ configured: () => [DIGITS] })).toMatchObject({ status: 200 });
    expect(await ready({ configured: () => [BROKEN] })).toMatchObject({ status: 503, body: { models: [{ name: "broken", reason: "not published yet" }, { name: "digits", ready: true }] } });
  });
});

describe("inference", () => {
  test("requests reach the runtime, and the answer says that a server gave it", async () => {
    const answer = await get(appWith({ inference: runtimeWith([]) }), "/v1/models/digits:predict?x=1", { method: "POST", body: "{}" });
    expect(await answer.json()).toEqual({ method: "POST", target: "/v1/models/digits:predict?x=1" });
    expect(answer.headers.get("x-ashore-served-by")).toBe("server");
    expect((await get(appWith({ inference: runtimeWith([]) }), "/predict", { method: "POST", body: "{}" })).status).toBe(200);
  });

  test("pages of other origins may call it where the flag says so, and errors then say so too", async () => {
    const starting = (): undefined => undefined;
    for (const [path, method] of [["/v1/models/digits:predict", "POST"], ["/v1/models/digits", "GET"], ["/v1/models/digits", "OPTIONS"], ["/predict", "POST"]] as const) {
      const init = { method, headers: { origin: "https://page.example" } };
      const closed = await get(appWith({ inference: runtimeWith([]) }), path, init);
      expect([...closed.headers.keys()].filter((name) => name.startsWith("access-control-") || name.startsWith("cross-origin-")), `${method} ${path}`).toEqual([]);
      for (const inference of [runtimeWith([]), starting]) {
        const open = await get(appWith({ inference, cors: true }), path, init);
        expect(Object.fromEntries(open.headers), `${method} ${path}`).toMatchObject({
          "access-control-allow-origin": "*",
          "access-control-allow-methods": "POST, GET",
          "access-control-allow-headers": "Content-Type",
          "access-control-expose-headers": expect.stringMatching(/x-ashore-model-version/),
        });
      }
    }
  });

  test("--no-inference and a runtime that is starting are told apart, in TensorFlow Serving's form", async () => {
    const without = await get(appWith(), "/v1/models/digits");
    expect(without.status).toBe(501);
    expect(await without.json()).toMatchObject({ error: expect.stringMatching(/--no-inference/) });
    const starting = await get(appWith({ inference: () => undefined }), "/v1/models/digits");
    expect(starting.status).toBe(503);
    expect(starting.headers.get("retry-after")).toBe("1");
  });

  test("a version that could not be published is END with its error, in status and list", async () => {
    const failed: VersionStatus = { version: version(4), state: "END", error: { code: "MODEL_UNSUPPORTED_OP", message: "FancyOp" } };
    const app = appWith({ configured: () => [DIGITS], inference: runtimeWith([{ version: version(3), state: "AVAILABLE" }]), repository: { failed: () => [failed], problem: () => undefined } });
    const expected = { model_version_status: [{ version: "4", state: "END", status: { error_code: "UNIMPLEMENTED", error_message: "FancyOp" } }, { version: "3", state: "AVAILABLE" }] };
    expect(await (await get(app, "/v1/models/digits")).json()).toMatchObject(expected);
    expect(await (await get(app, "/v1/models/digits/versions/4")).json()).toMatchObject({ model_version_status: [{ version: "4" }] });
    expect(await (await get(app, "/v1/models/digits/versions/9")).json()).toEqual({ method: "GET", target: "/v1/models/digits/versions/9" });
    expect(await (await get(app, "/v1/models")).json()).toMatchObject({ models: [{ name: "digits", ...expected }] });
  });
});

describe("metrics", () => {
  const path = "/monitoring/prometheus/metrics";

  test("are where TensorFlow Serving has them, for any method, and not with a query", async () => {
    const app = appWith();
    for (const method of ["GET", "POST"]) {
      const answer = await get(app, path, { method });
      expect([answer.status, answer.headers.get("content-type")?.startsWith("text/plain")]).toEqual([200, true]);
      expect(await answer.text()).toMatch(/^process_cpu_seconds_total /m);
    }
    const asked = await get(app, `${path}?x=1`);
    expect([asked.status, asked.headers.get("content-type"), await asked.text()]).toEqual([400, "text/plain", `Unexpected path: ${path}?x=1 Should be ${path}`]);
  });

  test("may be elsewhere, or nowhere", async () => {
    expect((await get(appWith({ metricsPath: "/v1/metrics" }), "/v1/metrics")).status).toBe(200);
    expect((await get(appWith({ metricsPath: "/v1/metrics" }), path)).status).toBe(404);
    expect((await get(appWith({ metricsPath: null }), path)).status).toBe(404);
  });
});

describe("every route", () => {
  test("answers a preflight", async () => {
    for (const path of ["/blobs/sha256/x", "/manifests", "/metadata/timestamp.json"]) {
      const answer = await get(appWith(), path, { method: "OPTIONS", headers: { origin: "https://page.example", "access-control-request-headers": "if-none-match" } });
      expect(answer.status).toBe(204);
      expect(Object.fromEntries(answer.headers)).toMatchObject({ "access-control-allow-origin": "*", "access-control-allow-headers": "*", "access-control-allow-methods": expect.stringMatching(/GET/) });
    }
  });

  test("may be read by any origin, errors too", async () => {
    for (const path of ["/healthz", "/nothing", "/openapi.json", "/"]) {
      const { headers } = await get(appWith(), path);
      expect(headers.get("access-control-allow-origin")).toBe("*");
      expect(headers.get("cross-origin-resource-policy")).toBe("cross-origin");
    }
  });

  test("that OpenAPI describes is there, and its references lead somewhere", async () => {
    const browserFiles = { read: async () => MANIFEST, compress: async (bytes: Uint8Array<ArrayBuffer>) => bytes };
    const app = appWith({ inference: runtimeWith([{ version: version(3), state: "AVAILABLE" }]), browserFiles });
    const document = (await (await get(app, "/openapi.json")).json()) as typeof OPENAPI;
    expect(document.openapi).toBe("3.1.0");
    const values: Record<string, string> = { model: "digits", version: "3", label: "stable", file: "timestamp.json", build: "tfjs-backend-wasm.wasm", hex: manifestTarget.sha256, path: `models/digits/3/${manifestTarget.sha256}.manifest.json` };
    await storage.write(`blobs/sha256/${manifestTarget.sha256}`, MANIFEST);
    for (const [template, item] of Object.entries(document.paths)) {
      const path = template.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
      if (item.get !== undefined) expect([path, (await get(app, path)).status]).toEqual([path, 200]);
      if (item.post !== undefined) expect([path, (await get(app, path, { method: "POST", body: "{}" })).status]).toEqual([path, 200]);
    }
    const references = JSON.stringify(document).match(/#\/components\/\w+\/\w+/g) ?? [];
    for (const reference of references) {
      const [, , kind = "", name = ""] = reference.split("/");
      expect([reference, Object.hasOwn(document.components[kind as keyof typeof document.components], name)]).toEqual([reference, true]);
    }
  });
});

describe("the console", () => {
  test("shows models, states and reasons, escaped, under a policy that runs nothing else", async () => {
    const failed: VersionStatus = { version: version(4), state: "END", error: { code: "MODEL_MALFORMED", message: "<script>alert(1)</script>" } };
    const app = appWith({ configured: () => [DIGITS], inference: runtimeWith([{ version: version(3), state: "AVAILABLE" }, failed]) });
    const answer = await get(app, "/");
    const page = await answer.text();
    expect(page).toContain("digits");
    expect(page).toContain("AVAILABLE");
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(page).not.toContain("<script>alert(1)");
    expect(page).not.toMatch(/(?:src|href)="https?:/);
    const script = /<script>([^]*?)<\/script>/.exec(page)?.[1] ?? "";
    const hash = createHash("sha256").update(script).digest("base64");
    expect(answer.headers.get("content-security-policy")).toContain(`script-src 'sha256-${hash}'`);
  });
});

test("metrics count answers and show states", async () => {
  const app = appWith({ inference: runtimeWith([{ version: version(3), state: "AVAILABLE" }]) });
  app.metrics.answered("blob", 200);
  app.metrics.answered("blob", 200);
  app.metrics.answered("blob", 304);
  const scrape = async (): Promise<string> => (await get(app, "/monitoring/prometheus/metrics")).text();
  await scrape();
  app.metrics.answered("blob", 304);
  const text = await scrape();
  expect(text).toContain('ashore_http_responses_total{route="blob",status="200"} 2');
  expect(text).toContain('ashore_http_responses_total{route="blob",status="304"} 2');
  expect(text).toContain('ashore_version_state{model_name="digits",version="3",state="AVAILABLE"} 1');
});
