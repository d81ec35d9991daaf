import { Hono } from "hono";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { PUBLISHER_PREFIX } from "../sign/index.ts";
import type { FileStorage } from "../storage/index.ts";
import type { ReceivedRole, RoleUpload } from "../publish/index.ts";
import type { Bearer } from "../tokens.ts";
import type { WithSignal } from "../with-signal.ts";
import { staticPath, type StaticPath } from "./static-path.ts";
import { bodyOf, wholeBodyOf } from "./write-body.ts";
import { writeError } from "./write-error.ts";

export interface WriteRoutesOptions {
  readonly storage: FileStorage;
  /** Who sends an `Authorization` header. */
  readonly bearer: (authorization: string | undefined) => Promise<Bearer>;
  /** Publishes what a publisher signed. */
  readonly receive: (upload: RoleUpload, options: WithSignal) => Promise<ReceivedRole>;
}

const MANIFEST = /^targets\/models\/([^/]+)\/[1-9][0-9]{0,15}\/[0-9a-f]{64}\.manifest\.json$/;

/**
 * Where publishers who sign elsewhere send a version: its blobs, its manifest, and last their role's metadata, which is what
 * publishes it. While no token was made there is nothing here. To be mounted before what lets pages of other origins in: those
 * may not write, whatever they know.
 */
export function writeRoutes({ storage, bearer, receive }: WriteRoutesOptions): Hono {
  const routes = new Hono();
  routes.onError(writeError);
  routes.put("*", async (c, next) => {
    const path = staticPath(c.req.path);
    const who = path === undefined ? "closed" : await bearer(c.req.header("authorization"));
    if (path === undefined || who === "closed") return next();
    if (who === "unknown") throw new AshoreError("UNAUTHENTICATED", 'A token of this server is needed, as "ashore tokens add" prints it, in the header "Authorization: Bearer TOKEN". This request has none, or one that was revoked.');
    assertMay(who.role, path);
    const { raw } = c.req;
    const { signal } = raw;
    if (path.sha256 === undefined) return c.json(await receive({ role: who.role, bytes: await wholeBodyOf(raw, LIMITS.targetsBytes) }, { signal }));
    const expected = { sha256: path.sha256, maxBytes: path.kind === "blob" ? LIMITS.uploadBytes : LIMITS.manifestBytes };
    await storage.receive(path.path, bodyOf(raw, expected.maxBytes), expected, { signal });
    return c.body(null, 201);
  });
  return routes;
}

/** A publisher writes blobs, which nothing but their digest names, the manifests of one model, and the metadata of one role. */
function assertMay(role: string, { kind, path }: StaticPath): void {
  const model = role.slice(PUBLISHER_PREFIX.length);
  const may = kind === "blob" || (kind === "target" ? MANIFEST.exec(path)?.[1] === model : path === `metadata/${role}.json`);
  if (!may) throw new AshoreError("PERMISSION_DENIED", `The token is for ${role}: it may bring blobs, manifests of ${model} and metadata/${role}.json, not ${path}.`);
}
