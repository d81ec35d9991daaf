import { LIMITS } from "../protocol/limits.ts";
import type { Timers } from "./ports.ts";
import type { Asker } from "./rounds.ts";
import { siteUrls } from "./site-urls.ts";

/**
 * Has the prebuilt service worker keep what this page is made of. The first page of a site was loaded before there was a
 * worker to see its files pass; what is loaded once the worker is in charge it sees by itself. Never rejects: a site that cannot
 * be kept works online.
 */
export async function keepSite(asker: Asker, container: ServiceWorkerContainer, timers: Timers, signal: AbortSignal): Promise<void> {
  await Promise.race([
    Promise.all([
      document.readyState === "complete" || new Promise((resolve) => addEventListener("load", resolve, { once: true, signal })),
      container.controller !== null || new Promise((resolve) => container.addEventListener("controllerchange", resolve, { once: true, signal })),
    ]),
    new Promise<void>((resolve) => timers.after(LIMITS.siteLoadMs, resolve)),
  ]);
  const links = [...document.querySelectorAll<HTMLLinkElement>("link[rel~=manifest],link[rel~=icon],link[rel~=apple-touch-icon]")];
  const resources = performance.getEntriesByType("resource").map(({ name }) => name);
  const urls = siteUrls([document.URL, ...links.map(({ href }) => href), ...resources], location.origin);
  await asker.ask({ type: "keep-site", urls }, { signal }).catch(() => undefined);
}
