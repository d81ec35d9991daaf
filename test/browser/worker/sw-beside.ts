import { serve } from "../../../service-worker/index.ts";

/** An app's own service worker: a fetch handler of its own, which answers from its cache first, and Ashore beside it. */

declare const self: ServiceWorkerGlobalScope;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open("app").then((cache) => cache.put("/kept.txt", new Response("kept by the app"))));
  void self.skipWaiting();
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", ({ data, source }) => {
  if ((data as { type?: unknown } | null)?.type === "app") source?.postMessage("from the app");
});

serve({ server: self.location.origin, models: ["line"], fallback: "server" });

self.addEventListener("fetch", (event) => {
  event.respondWith(caches.match(event.request).then((kept) => kept ?? fetch(event.request)));
});
