import { browserClock } from "../browser/browser-clock.ts";
import { SiteCache } from "./site-cache.ts";
import { startWorker } from "./worker.ts";

/**
 * The service worker for a site that has none: models, and the site itself for offline. Pages say which models when they
 * connect; the root of trust comes in front of this script, from the server that serves it.
 */
declare const self: ServiceWorkerGlobalScope & { readonly __ASHORE__?: { readonly root?: string } };

const scope = new URL(self.registration.scope).pathname;
const root = self.__ASHORE__?.root;

startWorker(self, {
  root: root === undefined ? undefined : Uint8Array.from(atob(root), (letter) => letter.charCodeAt(0)),
  routes: "race-network-and-fetch-handler",
  site: new SiteCache({ caches, name: `ashore-site:${scope}`, origin: self.location.origin, fetch: (request) => fetch(request), clock: browserClock }),
});

self.addEventListener("install", (event) => {
  // The first one serves at once the page that registered it; a later one waits until a page says that it may take over.
  if (self.registration.active === null) event.waitUntil(self.skipWaiting());
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
