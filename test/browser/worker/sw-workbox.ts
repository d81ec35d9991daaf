import { clientsClaim } from "workbox-core";
import { precacheAndRoute } from "workbox-precaching";
import { registerRoute } from "workbox-routing";
import { NetworkFirst } from "workbox-strategies";
import { serve } from "../../../service-worker/index.ts";

/** An app's service worker as Workbox's guides have it, precaching and a route for everything else, and Ashore's one line before. */

declare const self: ServiceWorkerGlobalScope;

serve({ server: self.location.origin, models: ["line"] });

void self.skipWaiting();
clientsClaim();
precacheAndRoute([
  { url: "/", revision: "1" },
  { url: "/page.js", revision: "1" },
  { url: "/style.css", revision: "1" },
]);
registerRoute(() => true, new NetworkFirst({ cacheName: "rest-of-the-app" }));
registerRoute(() => true, new NetworkFirst({ cacheName: "posts-of-the-app" }), "POST");
