import { CROSS_ORIGIN, EMBEDDABLE, READABLE } from "./cross-origin.ts";
import type { Selection } from "./conditional.ts";

/** Names and values in turn, as `node:http` writes them fastest. */
export type FlatHeaders = string[];

/** Everything that answers about some bytes have in common, made once. */
export interface Representation {
  readonly size: number;
  /** Strong: the digest of the bytes, quoted. */
  readonly etag: string;
  /** The headers of a 200. */
  readonly whole: FlatHeaders;
  /** The headers of a 304: what a cache updates its copy with (RFC 9110, 15.4.5). */
  readonly unchanged: FlatHeaders;
  readonly contentType: string;
  readonly cacheControl: string;
}

export const IMMUTABLE = "public, max-age=31536000, immutable, no-transform";
/** For what changes: a minute's half in shared caches; `fetch(..., {cache: "no-cache"})` asks again at once. */
export const SHORT_LIVED = "public, max-age=30, must-revalidate";

export function etagOf(sha256: string): string {
  return `"sha256-${sha256}"`;
}

export function representation(what: { readonly sha256: string; readonly size: number; readonly contentType: string; readonly cacheControl: string }): Representation {
  const { sha256, size, contentType, cacheControl } = what;
  const etag = etagOf(sha256);
  const unchanged = ["ETag", etag, "Cache-Control", cacheControl, ...READABLE.flat()];
  return {
    size,
    etag,
    contentType,
    cacheControl,
    unchanged,
    whole: [...unchanged, ...EMBEDDABLE.flat(), "Content-Type", contentType, "Content-Length", String(size), "Accept-Ranges", "bytes", "Repr-Digest", `sha-256=:${base64OfHex(sha256)}:`],
  };
}

/** The headers of an answer; those that every answer shares are not copied. */
export function headersFor(of: Representation, selection: Selection): FlatHeaders {
  switch (selection.status) {
    case 200:
      return of.whole;
    case 304:
      return of.unchanged;
    case 206:
      return [
        ...of.unchanged,
        ...EMBEDDABLE.flat(),
        ...["Content-Type", of.contentType, "Content-Length", String(selection.end - selection.start + 1), "Accept-Ranges", "bytes"],
        ...["Content-Range", `bytes ${selection.start}-${selection.end}/${of.size}`],
      ];
    case 416:
      return [...CROSS_ORIGIN.flat(), "Content-Range", `bytes */${of.size}`, "Content-Length", "0", "Accept-Ranges", "bytes", "Cache-Control", "no-store"];
  }
}

/** Flat headers as the platform's `Headers` take them. */
export function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([flat[at] ?? "", flat[at + 1] ?? ""]);
  return pairs;
}

function base64OfHex(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  return btoa(String.fromCharCode(...bytes.map((byte) => Number.parseInt(byte, 16))));
}
