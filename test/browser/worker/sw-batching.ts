import { serve } from "../../../service-worker/index.ts";

/** An app's own service worker that has its requests computed together. */

declare const self: ServiceWorkerGlobalScope;

self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

serve({ server: self.location.origin, models: ["line"], batching: { maxBatchSize: 8 } });
