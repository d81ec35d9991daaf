import { Hono } from "hono";
import { AshoreError } from "../../protocol/errors.ts";
import { isModelName, type ModelName, versionOfFolder, type Version } from "../../protocol/names.ts";
import { manifestPath } from "../../protocol/serving-config.ts";
import type { WithSignal } from "../with-signal.ts";
import { targetPath, type FileStorage } from "../storage/index.ts";
import type { CatalogModel, ReadCatalog } from "./catalog.ts";
import { select } from "./conditional.ts";
import { headersFor, pairsOf, representation, SHORT_LIVED } from "./representation.ts";

export interface ManifestRoutesOptions {
  readonly storage: FileStorage;
  readonly catalog: ReadCatalog;
}

/**
 * `/manifests...`: what is published, for programs that read JSON and trust the connection. Devices do not ask here; they
 * take the signed metadata.
 */
export function manifestRoutes({ storage, catalog }: ManifestRoutesOptions): Hono {
  const routes = new Hono();

  routes.get("/", async (c) => {
    const { models, expires } = await catalog({ signal: c.req.raw.signal });
    return c.json({ expires, models: [...models].map(([name, model]) => summary(name, model)) }, 200, { "Cache-Control": SHORT_LIVED });
  });

  routes.get("/:model", async (c) => {
    const { name, model } = await named(c.req.param("model"), { signal: c.req.raw.signal });
    return c.json({ ...summary(name, model), config: model.config }, 200, { "Cache-Control": SHORT_LIVED });
  });

  routes.get("/:model/versions/:version", async (c) => {
    const { name, model } = await named(c.req.param("model"), { signal: c.req.raw.signal });
    const version = versionOfFolder(c.req.param("version"));
    if (version === undefined) throw new AshoreError("VERSION_INVALID", `${c.req.param("version").slice(0, 80)} is not a version of ${name}: use a positive integer.`);
    return manifest(c.req.raw, name, model, version);
  });

  routes.get("/:model/labels/:label", async (c) => {
    const { name, model } = await named(c.req.param("model"), { signal: c.req.raw.signal });
    const label = c.req.param("label");
    const version = Object.hasOwn(model.config.labels, label) ? model.config.labels[label] : undefined;
    if (version === undefined) {
      const labels = Object.keys(model.config.labels).join(", ");
      throw new AshoreError("NOT_FOUND", `The model ${name} has no label ${label.slice(0, 128)}; it has ${labels === "" ? "none" : labels}.`);
    }
    return manifest(c.req.raw, name, model, version);
  });

  async function named(text: string, options: WithSignal): Promise<{ readonly name: ModelName; readonly model: CatalogModel }> {
    const { models } = await catalog(options);
    const model = isModelName(text) ? models.get(text) : undefined;
    if (!isModelName(text) || model === undefined) throw new AshoreError("NOT_FOUND", `No model ${text.slice(0, 128)} is published here.`);
    return { name: text, model };
  }

  async function manifest(request: Request, name: ModelName, { config }: CatalogModel, version: Version): Promise<Response> {
    const info = config.versions.find((entry) => entry.version === version)?.manifest;
    const bytes = info === undefined ? undefined : await storage.read(targetPath(manifestPath(name, version), info.sha256), { signal: request.signal });
    if (info === undefined || bytes === undefined) throw new AshoreError("NOT_FOUND", `No version ${version} of ${name} is published here.`);
    const of = representation({ sha256: info.sha256, size: bytes.byteLength, contentType: "application/json", cacheControl: SHORT_LIVED });
    const selection = select(request.method, { ifNoneMatch: request.headers.get("if-none-match") ?? undefined }, of.etag, of.size);
    const headers = new Headers(pairsOf(headersFor(of, selection)));
    headers.set("Content-Location", `/manifests/${name}/versions/${version}`);
    headers.set("x-ashore-model-version", String(version));
    return new Response(selection.status === 200 && request.method === "GET" ? bytes : null, { status: selection.status, headers });
  }

  return routes;
}

function summary(name: ModelName, { config }: CatalogModel): object {
  const blocked = new Set<string>(config.blocked);
  return {
    name,
    versions: config.versions
      .map(({ version, manifest }) => ({
        version,
        digest: `sha256:${manifest.sha256}`,
        size: manifest.length,
        labels: Object.keys(config.labels).filter((label) => config.labels[label] === version),
        blocked: blocked.has(`sha256:${manifest.sha256}`),
        manifest: `/manifests/${name}/versions/${version}`,
      }))
      .sort((a, b) => b.version - a.version),
    labels: config.labels,
    policy: config.policy,
  };
}
