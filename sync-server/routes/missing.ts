import { CROSS_ORIGIN } from "./cross-origin.ts";
import type { FlatHeaders } from "./representation.ts";
import type { StaticPath } from "./static-path.ts";

/**
 * A client asks for the next root until there is none: that answer may be kept a minute. Nothing else that is missing is
 * remembered, because it may be published the next moment.
 */
export function missingHeaders(path: StaticPath): FlatHeaders {
  const nextRoot = path.kind === "metadata" && /\/[0-9]+\.root\.json$/.test(path.path);
  return [...CROSS_ORIGIN.flat(), "Content-Type", "application/json", "Cache-Control", nextRoot ? "public, max-age=60" : "no-store"];
}

export function missingBody(path: StaticPath): string {
  return JSON.stringify({ error: `There is no ${path.kind} ${path.path}.`, code: "NOT_FOUND" });
}
