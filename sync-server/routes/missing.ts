import { CROSS_ORIGIN } from "./cross-origin.ts";
import type { FlatHeaders } from "./representation.ts";

/**
 * A client asks for the next root until there is none: that answer may be kept a minute. Nothing else that is missing is
 * remembered, because it may be published the next moment.
 */
export function missingHeaders(pathname: string): FlatHeaders {
  const nextRoot = /^\/metadata\/[0-9]+\.root\.json$/.test(pathname);
  return [...CROSS_ORIGIN.flat(), "Content-Type", "application/json", "Cache-Control", nextRoot ? "public, max-age=60" : "no-store"];
}

export function missingBody(pathname: string): string {
  return JSON.stringify({ error: `There is no ${pathname.slice(0, 400)}.`, code: "NOT_FOUND" });
}
