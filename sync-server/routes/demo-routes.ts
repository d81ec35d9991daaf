import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { schemaError } from "../../protocol/manifest.ts";
import { isVersion, type ModelName, type Version } from "../../protocol/names.ts";
import { parseStrictJson } from "../../protocol/strict-json.ts";
import { createKeptFiles, type BuiltFiles } from "./kept-files.ts";
import type { WithSignal } from "../with-signal.ts";

/** The demo that `npm start` serves: a page, and a control that moves its model between versions. */
export interface Demo {
  /** The page's files; `index.html` is the page. */
  readonly site: BuiltFiles;
  readonly model: ModelName;
  /** Makes that version the newest that devices are offered. Resolves when it is signed. @throws NOT_FOUND, and what publishing throws */
  moveTo(version: Version, options?: WithSignal): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  json: "application/json",
  webmanifest: "application/manifest+json",
  svg: "image/svg+xml",
  png: "image/png",
  ico: "image/x-icon",
  woff2: "font/woff2",
  txt: "text/plain; charset=utf-8",
};

/** The page runs its origin's scripts and WebAssembly, in workers too (threads start from blobs), and talks to its origin alone. */
const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const moveSchema = v.strictObject({ version: v.custom<Version>(isVersion, "must be a version") });

/** To be mounted at `/`, behind every other route. */
export function demoRoutes({ site, model, moveTo }: Demo): Hono {
  const files = createKeptFiles(site);
  const app = new Hono();
  // Whether there is a control here; the same page may be served where there is none.
  app.get("/demo/publish", (c) => c.json({ model }, 200, { "Cache-Control": "no-store" }));
  app.post("/demo/publish", bodyLimit({ maxSize: LIMITS.controlBodyBytes, onError: tooLarge }), async (c) => {
    // Any page may post here; only the demo's own may change what is published.
    if (c.req.header("origin") !== new URL(c.req.url).origin) throw new AshoreError("PERMISSION_DENIED", "Only the demo's own page may do this: the Origin header must be this server's.");
    const bytes = new Uint8Array(await c.req.arrayBuffer());
    const body = v.safeParse(moveSchema, parseStrictJson(bytes, "the body"));
    if (!body.success) throw schemaError("the body", body.issues);
    const { version } = body.output;
    await moveTo(version, { signal: c.req.raw.signal });
    return c.json({ model, version }, 200, { "Cache-Control": "no-store" });
  });
  app.get("*", async (c, next) => {
    const path = c.req.path === "/" ? "index.html" : c.req.path.slice(1);
    const type = TYPES[path.slice(path.lastIndexOf(".") + 1)];
    if (type === undefined || !PLAIN.test(path)) return next();
    const file = await files.get(path);
    return file === undefined ? next() : files.respond(c.req.raw, file, type, { "Content-Security-Policy": POLICY });
  });
  return app;
}

/** No folder above, no hidden file. */
const PLAIN = /^(?:[A-Za-z0-9_][A-Za-z0-9._-]*\/)*[A-Za-z0-9_][A-Za-z0-9._-]*$/;

function tooLarge(): never {
  throw new AshoreError("LIMIT_EXCEEDED", `The body has more than ${LIMITS.controlBodyBytes} bytes.`);
}
