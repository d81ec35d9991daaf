/** Lets any page of any origin read an answer: what is published is public, and nothing depends on cookies. */
export const READABLE = [["Access-Control-Allow-Origin", "*"]] as const;

/**
 * What a body needs besides: a page may read its headers, a cross-origin isolated one may embed it, and nobody takes it for
 * another type.
 */
export const EMBEDDABLE = [
  ["Access-Control-Expose-Headers", "ETag, Content-Length, Content-Range, Accept-Ranges, Content-Location, Repr-Digest, Retry-After, x-ashore-model-version, x-ashore-served-by"],
  ["Cross-Origin-Resource-Policy", "cross-origin"],
  ["X-Content-Type-Options", "nosniff"],
] as const;

export const CROSS_ORIGIN = [...READABLE, ...EMBEDDABLE] as const;

/** The answer to a preflight: everything that the routes take, remembered for a day. */
export const PREFLIGHT = [
  ...CROSS_ORIGIN,
  ["Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS"],
  ["Access-Control-Allow-Headers", "*"],
  ["Access-Control-Max-Age", "86400"],
] as const;
