import { LIMITS } from "../protocol/limits.ts";

/** Paths that are Ashore's own: models are kept by the runtime, which proves them. */
const NEVER = /^\/(?:v1|v2|metadata|targets|blobs|manifests)(?:\/|$)/;

/** What a decision needs to know of a request. */
export interface SiteRequest {
  readonly method: string;
  readonly url: string;
  readonly mode: string;
  readonly destination: string;
  readonly headers: Pick<Headers, "has" | "get">;
}

/** Whether a URL may be kept at all. */
export function isKeepable(url: string, origin: string): boolean {
  if (!URL.canParse(url)) return false;
  const { origin: theirs, pathname } = new URL(url);
  return theirs === origin && !NEVER.test(pathname);
}

/**
 * Whether a request passes the site's cache: navigations and same-origin assets. `keep` where its answer is kept for offline:
 * what scripts fetch by themselves (no destination) may be a person's data, and is kept only where the page asked for that.
 */
export function sitePlan({ method, url, mode, destination, headers }: SiteRequest, origin: string): "pass" | "serve" | "keep" {
  if (method !== "GET" || !isKeepable(url, origin)) return "pass";
  if (headers.has("range") || headers.get("accept") === "text/event-stream") return "pass";
  return mode === "navigate" || destination !== "" ? "keep" : "serve";
}

/** What a decision needs to know of a response. */
export interface SiteResponse {
  readonly status: number;
  readonly type: string;
  readonly redirected: boolean;
  readonly headers: Pick<Headers, "get">;
}

/** Whether an answer is what it will be next time: whole, readable, of this URL, and not forbidden to be kept. */
export function mayKeep({ status, type, redirected, headers }: SiteResponse): boolean {
  if (status !== 200 || redirected || (type !== "basic" && type !== "default")) return false;
  if (/(?:^|[\s,])no-store(?:$|[\s,;])/i.test(headers.get("cache-control") ?? "")) return false;
  return Number(headers.get("content-length") ?? 0) <= LIMITS.siteEntryBytes;
}

export interface SiteLimits {
  readonly most: number;
  readonly mostBytes: number;
}

export const SITE_LIMITS: SiteLimits = { most: LIMITS.siteEntries, mostBytes: LIMITS.siteBytes };

/** Which of the entries, oldest first, must go so that one of `bytes` more fits. */
export function toEvict(entries: ReadonlyMap<string, number>, bytes: number, { most, mostBytes }: SiteLimits): string[] {
  let total = bytes;
  for (const size of entries.values()) total += size;
  let count = entries.size + 1;
  const evicted: string[] = [];
  for (const [url, size] of entries) {
    if (count <= most && total <= mostBytes) break;
    evicted.push(url);
    total -= size;
    count -= 1;
  }
  return evicted;
}
