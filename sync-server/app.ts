import { Hono } from "hono";
import { toFetchHandler } from "../edge/index.ts";
import { DEFAULT_METRICS_PATH, isForMetrics, metricsAnswer } from "../edge/metrics/metrics-answer.ts";
import { AshoreError } from "../protocol/errors.ts";
import type { ModelName } from "../protocol/names.ts";
import type { VersionStatus } from "../protocol/states.ts";
import { createBrowserFiles } from "./routes/browser-files.ts";
import { createCatalogReader, type ReadCatalog } from "./routes/catalog.ts";
import { consolePage } from "./routes/console-page.ts";
import { CONSOLE_SCRIPT, CONSOLE_STYLE } from "./routes/console-assets.ts";
import { CROSS_ORIGIN, PREFLIGHT } from "./routes/cross-origin.ts";
import { demoRoutes, type Demo } from "./routes/demo-routes.ts";
import { errorResponse } from "./routes/error-response.ts";
import type { BuiltFiles } from "./routes/kept-files.ts";
import { manifestRoutes } from "./routes/manifests.ts";
import { createServerMetrics, type ServerMetrics } from "./routes/metrics.ts";
import { createNewestRoot } from "./routes/newest-root.ts";
import { OPENAPI } from "./routes/openapi-document.ts";
import { readinessOf, type Readiness } from "./routes/readiness.ts";
import type { StaticFiles } from "./routes/static-files.ts";
import { restWithRepository } from "./routes/rest-with-repository.ts";
import { staticResponse } from "./routes/static-response.ts";
import { writeRoutes, type WriteRoutesOptions } from "./routes/write-routes.ts";
import type { FileStorage } from "./storage/index.ts";
import type { Inference, RepositoryView, Rest } from "./inference.ts";
import type { WithSignal } from "./with-signal.ts";

export interface AppOptions {
  readonly storage: FileStorage;
  readonly files: StaticFiles;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The models that must be ready now. */
  readonly configured: () => readonly ModelName[];
  readonly repository: RepositoryView;
  /** Absent with `--no-inference`; undefined until the runtime, which takes its versions from this very app, is there. */
  readonly inference?: (() => Inference | undefined) | undefined;
  /** What browsers load under `/ashore/`; absent where this host has no build to give. */
  readonly browserFiles?: BuiltFiles | undefined;
  /** Absent where no publisher can send anything here. */
  readonly write?: Omit<WriteRoutesOptions, "storage"> | undefined;
  /** Takes the console's place. */
  readonly demo?: Demo | undefined;
  /** Whether pages of other origins may call `/v1`; what is published they may always read. Default false. */
  readonly cors?: boolean | undefined;
  /** Where Prometheus finds metrics; null for nowhere. Default `/monitoring/prometheus/metrics`. */
  readonly metricsPath?: string | null | undefined;
}

export interface App {
  fetch(request: Request): Promise<Response>;
  /** What answers `/v1/...` and `/predict`, for a host with a faster way than `fetch`. */
  readonly rest: Rest;
  readonly catalog: ReadCatalog;
  readiness(options?: WithSignal): Promise<Readiness>;
  readonly metrics: ServerMetrics;
}

/** Everything that the server answers, as one function from `Request` to `Response`: no socket, no Node. */
export function createApp(options: AppOptions): App {
  const { storage, files, now, configured, repository, cors = false, metricsPath = DEFAULT_METRICS_PATH } = options;
  const catalog = createCatalogReader(storage, files);
  const metrics = createServerMetrics(readiness, now);
  const rest = restWithRepository(options.inference, { repository, statuses, names, cors });
  const app = new Hono();

  async function readiness(signal?: WithSignal): Promise<Readiness> {
    return readinessOf({ configured: configured(), catalog: await catalog(signal), inference: options.inference !== undefined, statuses, problem: (model) => repository.problem(model) });
  }

  function statuses(model: ModelName): readonly VersionStatus[] {
    const held = options.inference?.()?.status(model) ?? [];
    return [...held, ...repository.failed(model).filter(({ version }) => !held.some((status) => status.version === version))].sort((a, b) => b.version - a.version);
  }

  async function names(signal?: WithSignal): Promise<readonly ModelName[]> {
    return [...new Set([...configured(), ...(await catalog(signal)).models.keys()])];
  }

  if (options.write !== undefined) app.route("/", writeRoutes({ storage, ...options.write }));
  // TensorFlow Serving's paths first: what it answers, and with which headers, is its own matter.
  app.use(async (c, next) => {
    const { pathname, search } = new URL(c.req.url);
    if (metricsPath === null || !isForMetrics(metricsPath, pathname + search)) return next();
    const { status, headers, body } = await metricsAnswer(metrics, metricsPath, pathname + search);
    return new Response(body, { status, headers });
  });
  const answerRest = toFetchHandler(rest);
  app.all("/v1/*", (c) => answerRest(c.req.raw));
  app.post("/predict", (c) => answerRest(c.req.raw));
  app.use(async (c, next) => {
    const preflight = c.req.method === "OPTIONS";
    if (preflight) c.res = new Response(null, { status: 204 });
    else await next();
    for (const [name, value] of preflight ? PREFLIGHT : CROSS_ORIGIN) c.res.headers.set(name, value);
  });
  app.use(async (c, next) => (await staticResponse(files, c.req.raw, c.req.path)) ?? next());

  app.route("/manifests", manifestRoutes({ storage, catalog }));
  if (options.browserFiles !== undefined) {
    const browserFiles = createBrowserFiles({ built: options.browserFiles, root: createNewestRoot(storage) });
    app.get("/ashore/*", async (c, next) => (await browserFiles.respond(c.req.raw, c.req.path)) ?? next());
  }
  app.get("/openapi.json", (c) => c.json(OPENAPI, 200, { "Cache-Control": "public, max-age=3600" }));
  app.get("/healthz", (c) => c.json({ status: "ok" }, 200, { "Cache-Control": "no-store" }));
  app.get("/readyz", async (c) => {
    const answer = await readiness({ signal: c.req.raw.signal });
    return c.json(answer, answer.ready ? 200 : 503, { "Cache-Control": "no-store" });
  });
  if (options.demo !== undefined) app.route("/", demoRoutes(options.demo));
  app.get("/", async (c) => {
    const signal = c.req.raw.signal;
    const page = consolePage({ catalog: await catalog({ signal }), readiness: await readiness({ signal }), inference: options.inference !== undefined, origin: new URL(c.req.url).origin });
    return c.html(page, 200, { "Cache-Control": "no-cache", "Content-Security-Policy": await contentSecurityPolicy() });
  });
  app.notFound((c) => errorResponse(new AshoreError("NOT_FOUND", `There is nothing at ${c.req.path.slice(0, 200)}; /openapi.json says what there is.`)));
  app.onError((error) => errorResponse(error));

  return { fetch: async (request) => app.fetch(request), rest, catalog, readiness, metrics };
}

let policy: Promise<string> | undefined;

/** The page runs its own style and script, named by their hashes, and Ashore's own files, and talks to its own server alone. */
function contentSecurityPolicy(): Promise<string> {
  policy ??= Promise.all([CONSOLE_STYLE, CONSOLE_SCRIPT].map(hashSource)).then(
    ([style = "", script = ""]) => `default-src 'none'; style-src ${style}; script-src ${script} 'self'; worker-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  return policy;
}

async function hashSource(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`;
}
