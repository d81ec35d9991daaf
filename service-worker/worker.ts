import { answerMessage } from "../browser/answer-messages.ts";
import { browserClock } from "../browser/browser-clock.ts";
import { createBrowserHost } from "../browser/browser-host.ts";
import { WASM_DIGESTS } from "../browser/build-info.ts";
import type { GivenOptions } from "../browser/host-options.ts";
import { holdLifeLock } from "../browser/life-lock.ts";
import { newsChannelName } from "../browser/news.ts";
import { runtimeFiles } from "../browser/runtime-files.ts";
import { browserBackends } from "../engine/browser-backends.ts";
import { createInProcessEngineHost } from "../engine/in-process-host.ts";
import type { RestDialect } from "../protocol/rest/index.ts";
import type { Batching } from "../runtime/index.ts";
import { lendFromPages } from "./lend-from-pages.ts";
import { createPlacedEngineHost } from "./placed-engine-host.ts";
import { createRestFetch } from "./rest-fetch.ts";
import type { SiteCache } from "./site-cache.ts";
import { addStaticRoutes, type SiteSource } from "./static-routes.ts";

export interface WorkerOptions {
  readonly given?: GivenOptions | undefined;
  readonly root?: Uint8Array<ArrayBuffer> | undefined;
  readonly batching?: Batching | undefined;
  readonly dialect?: RestDialect | undefined;
  /** How the browser gets what no model answers, without asking this worker first; undefined where other code listens for fetches too. */
  readonly routes?: SiteSource | undefined;
  /** Only in the prebuilt worker. */
  readonly site?: SiteCache | undefined;
}

/**
 * Hosts the runtime in a service worker. Everything is registered at once, as service workers must; nothing is opened before
 * an event needs it, because a new worker must not write while the one before it lives.
 */
export function startWorker(self: ServiceWorkerGlobalScope, { given, root, batching, dialect, routes, site }: WorkerOptions): void {
  const scope = new URL(self.registration.scope).pathname;
  const fetchPort = (url: string, init?: RequestInit): Promise<Response> => fetch(url, init);
  const channel = new BroadcastChannel(newsChannelName(scope));
  const life = holdLifeLock();
  life.catch(() => undefined);
  const host = createBrowserHost({
    host: "service-worker",
    scope,
    lock: "wait",
    keepsSite: site !== undefined,
    given,
    root,
    batching,
    dialect,
    tell: (news) => channel.postMessage(news),
    engine: ({ server, backends, report }) => {
      const files = runtimeFiles({ server, cacheName: `ashore-runtime:${scope}`, digests: WASM_DIGESTS, fetch: fetchPort, report });
      const here = createInProcessEngineHost({ providers: browserBackends({ wasmFile: (name) => files.file(name) }), backends });
      const lend = lendFromPages({ pages: self.clients, scopeUrl: self.registration.scope, server, life, clock: browserClock, openChannel: () => new MessageChannel() });
      return createPlacedEngineHost({ scope, here, lend, locks: navigator.locks, clock: browserClock });
    },
  });
  const rest = createRestFetch({ host, origin: self.location.origin });
  const skills = {
    host,
    life,
    keepSite: site && ((urls: readonly string[], options: { readonly signal?: AbortSignal | undefined }) => site.keep(urls, options)),
    skipWaiting: () => self.skipWaiting(),
  };

  self.addEventListener("install", (event) => {
    if (routes !== undefined) event.waitUntil(addStaticRoutes(event, routes));
  });
  self.addEventListener("message", (event) => {
    const answered = answerMessage(event, skills);
    if (answered !== undefined) event.waitUntil(answered.then(() => host.syncIfDue()));
  });
  self.addEventListener("fetch", (event) => {
    const { request } = event;
    if (rest.isOurs(request)) {
      const answered = rest.answer(request);
      event.respondWith(answered);
      event.waitUntil(answered.then(() => host.syncIfDue(), () => undefined));
    } else if (site?.handles(request) === true) {
      event.respondWith(site.respond(request, (work) => event.waitUntil(work)));
    }
  });
}
