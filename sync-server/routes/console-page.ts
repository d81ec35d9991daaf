import { html, raw } from "hono/html";
import type { VersionStatus } from "../../protocol/states.ts";
import type { Catalog, CatalogModel } from "./catalog.ts";
import { CONSOLE_SCRIPT, CONSOLE_STYLE } from "./console-assets.ts";
import type { ModelReadiness, Readiness } from "./readiness.ts";

export interface ConsoleView {
  readonly catalog: Catalog;
  readonly readiness: Readiness;
  /** Whether this process answers `/v1/...`. */
  readonly inference: boolean;
  /** The address that the page was asked at. */
  readonly origin: string;
}

type Html = ReturnType<typeof html>;

/** What is served here, as one page without any other file. The script takes the page again and exchanges `<main>`. */
export function consolePage(view: ConsoleView): Html {
  const { readiness, catalog } = view;
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Ashore</title>
    <link rel="icon" href="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><path d='M1 9q3.5-4 7 0t7 0v5H1z' fill='%230a7ea4'/></svg>">
    <style>${raw(CONSOLE_STYLE)}</style>
  </head>
  <body>
    <header>
      <h1><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M1 9q3.5-4 7 0t7 0v5H1z"></path></svg>Ashore</h1>
      <p>Signed model versions for browsers and edge boxes${view.inference ? ", and TensorFlow Serving\u2019s REST API" : ""}.</p>
    </header>
    <main id="main">
      <p class="summary">
        <span class="state ${readiness.ready ? "AVAILABLE" : "LOADING"}">${readiness.ready ? "ready" : "not ready yet"}</span>
        ${countOf(readiness.models.length, "model")} \u00b7 ${expiry(catalog.expires)}
      </p>
      ${readiness.models.length === 0 ? emptyNote() : readiness.models.map((model) => modelCard(model, catalog.models.get(model.name), view))}
    </main>
    <footer>
      <nav aria-label="Interfaces">
        <a href="/manifests">manifests</a> <a href="/metadata/timestamp.json">signed metadata</a> <a href="/openapi.json">OpenAPI</a>
        <a href="/readyz">readiness</a> <a href="/monitoring/prometheus/metrics">metrics</a>
      </nav>
    </footer>
    <script>${raw(CONSOLE_SCRIPT)}</script>
  </body>
</html>`;
}

function emptyNote(): Html {
  return html`<section class="card">
        <h2>Nothing is served yet</h2>
        <p>Drop a SavedModel or a TensorFlow.js graph model into a version folder of a configured base path, or publish one:</p>
        <pre><code>ashore publish FOLDER --model NAME</code></pre>
      </section>`;
}

function modelCard(model: ModelReadiness, published: CatalogModel | undefined, view: ConsoleView): Html {
  const states = new Map<number, VersionStatus>(model.versions.map((status) => [status.version, status]));
  const config = published?.config;
  const versions = [...new Set([...states.keys(), ...(config?.versions.map(({ version }) => Number(version)) ?? [])])].sort((a, b) => b - a);
  // A version that says why it ended need not be quoted above itself.
  const reason = model.versions.some(({ error }) => error?.message === model.reason) ? undefined : model.reason;
  return html`<section class="card">
        <h2>${model.name}</h2>
        ${reason === undefined ? "" : html`<p class="reason">${reason}</p>`}
        ${versions.length === 0 ? "" : html`<ul>${versions.map((version) => versionRow(model.name, version, states.get(version), config, view.inference))}</ul>`}
        ${view.inference && published !== undefined ? html`<pre><code>curl ${view.origin}/v1/models/${model.name}/metadata</code></pre>` : ""}
      </section>`;
}

function versionRow(model: string, version: number, status: VersionStatus | undefined, config: CatalogModel["config"] | undefined, inference: boolean): Html {
  const info = config?.versions.find((entry) => entry.version === version)?.manifest;
  const labels = Object.entries(config?.labels ?? {}).filter(([, target]) => target === version);
  return html`
          <li>
            <span class="version">version <b>${version}</b></span>
            ${inference || status !== undefined ? html`<span class="state ${status?.state ?? ""}${status?.error === undefined ? "" : " failed"}">${status?.state ?? "not held here"}</span>` : ""}
            ${labels.map(([label]) => html`<span class="label">${label}</span> `)}
            ${info === undefined ? html`<span class="manifest">not offered</span>` : html`<a class="manifest" href="/manifests/${model}/versions/${version}" title="The manifest, sha256:${info.sha256}"><code>${info.sha256.slice(0, 12)}</code></a>`}
            ${status?.error === undefined ? "" : html`<p class="reason">${status.error.message}</p>`}
          </li>`;
}

function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function expiry(expires: string | null): Html | string {
  return expires === null ? "nothing signed yet" : html`signed until <time datetime="${expires}">${expires.replace("T", " ").replace(/(:\d\d)?(\.\d+)?Z$/, " UTC")}</time>`;
}
