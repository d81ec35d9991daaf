import { Hono } from "hono";
import { AshoreError } from "../protocol/errors.ts";
import type { ModelName } from "../protocol/names.ts";
import type { VersionStatus } from "../protocol/states.ts";
import { createCatalogReader, type ReadCatalog } from "./routes/catalog.ts";
import { consolePage } from "./routes/console-page.ts";
import { CONSOLE_SCRIPT, CONSOLE_STYLE } from "./routes/console-assets.ts";
import { CROSS_ORIGIN, PREFLIGHT } from "./routes/cross-origin.ts";
import { errorResponse } from "./routes/error-response.ts";
import { manifestRoutes } from "./routes/manifests.ts";
import { createServerMetrics, type ServerMetrics } from "./routes/metrics.ts";
import { OPENAPI } from "./routes/openapi-document.ts";
import { readinessOf, type Readiness } from "./routes/readiness.ts";
import type { StaticFiles } from "./routes/static-files.ts";
import { staticResponse } from "./routes/static-response.ts";
import type { FileStorage } from "./storage/index.ts";
import type { WithSignal } from "./with-signal.ts";

/** The runtime that answers `/v1/...` in this process. */
export interface Inference {
  /** TensorFlow Serving's REST API: never rejects. */
  handle(request: Request): Promise<Response>;
  /** The states of a model's versions; none where it holds none. */
  statuses(model: ModelName): readonly VersionStatus[];
}

export interface AppOptions {
  readonly storage: FileStorage;
  readonly files: StaticFiles;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The models that must be ready. */
  readonly configured: readonly ModelName[];
  /** Why a model could not be published, by model; read at each answer. */
  readonly faults: ReadonlyMap<ModelName, string>;
  /** Absent with `--no-inference`; a function, because the runtime takes its versions from this very app. */
  readonly inference?: (() => Inference | undefined) | undefined;
}

export interface App {
  fetch(request: Request): Promise<Response>;
  readonly catalog: ReadCatalog;
  readiness(options?: WithSignal): Promise<Readiness>;
  readonly metrics: ServerMetrics;
}

/** Everything that the server answers, as one function from `Request` to `Response`: no socket, no Node. */
export function createApp(options: AppOptions): App {
  const { storage, files, now, configured, faults } = options;
  const catalog = createCatalogReader(storage, files);
  const metrics = createServerMetrics(readiness, now);
  const app = new Hono();

  async function readiness(signal?: WithSignal): Promise<Readiness> {
    const inference = options.inference?.();
    const statuses = options.inference === undefined ? undefined : (model: ModelName) => inference?.statuses(model) ?? [];
    return readinessOf({ configured, catalog: await catalog(signal), statuses, faults });
  }

  app.use(async (c, next) => {
    if (c.req.method === "OPTIONS") return new Response(null, { status: 204, headers: PREFLIGHT.map(([name, value]) => [name, value]) });
    await next();
    for (const [name, value] of CROSS_ORIGIN) if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    return undefined;
  });
  app.use(async (c, next) => (await staticResponse(files, c.req.raw, c.req.path)) ?? next());

  app.all("/v1/*", (c) => infer(c.req.raw));
  app.post("/predict", (c) => infer(c.req.raw));
  app.route("/manifests", manifestRoutes({ storage, catalog }));
  app.get("/openapi.json", (c) => c.json(OPENAPI, 200, { "Cache-Control": "public, max-age=3600" }));
  app.get("/healthz", (c) => c.json({ status: "ok" }, 200, { "Cache-Control": "no-store" }));
  app.get("/readyz", async (c) => {
    const answer = await readiness({ signal: c.req.raw.signal });
    return c.json(answer, answer.ready ? 200 : 503, { "Cache-Control": "no-store" });
  });
  app.get("/monitoring/prometheus/metrics", async (c) => c.text(await metrics.registry.metrics(), 200, { "Content-Type": metrics.registry.contentType, "Cache-Control": "no-store" }));
  app.get("/", async (c) => {
    const signal = c.req.raw.signal;
    const page = consolePage({ catalog: await catalog({ signal }), readiness: await readiness({ signal }), inference: options.inference !== undefined, origin: new URL(c.req.url).origin });
    return c.html(page, 200, { "Cache-Control": "no-cache", "Content-Security-Policy": await contentSecurityPolicy() });
  });
  app.notFound((c) => errorResponse(new AshoreError("NOT_FOUND", `There is nothing at ${c.req.path.slice(0, 200)}; /openapi.json says what there is.`)));
  app.onError((error) => errorResponse(error));

  function infer(request: Request): Promise<Response> | Response {
    if (options.inference === undefined) return errorResponse(new AshoreError("UNIMPLEMENTED", "This server was started with --no-inference: it publishes versions, and devices answer /v1."));
    const inference = options.inference();
    return inference?.handle(request) ?? errorResponse(new AshoreError("UNAVAILABLE", "The runtime is starting; /readyz says when it can answer."));
  }

  return { fetch: async (request) => app.fetch(request), catalog, readiness, metrics };
}

let policy: Promise<string> | undefined;

/** The page runs its own style and script, named by their hashes, and talks to its own server alone. */
function contentSecurityPolicy(): Promise<string> {
  policy ??= Promise.all([CONSOLE_STYLE, CONSOLE_SCRIPT].map(hashSource)).then(
    ([style = "", script = ""]) => `default-src 'none'; style-src ${style}; script-src ${script}; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  return policy;
}

async function hashSource(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`;
}
