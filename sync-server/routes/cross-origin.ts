/**
 * Headers that let any page of any origin read an answer, also one that is cross-origin isolated: what is published is
 * public, and nothing here depends on cookies.
 */
export const CROSS_ORIGIN = [
  ["Access-Control-Allow-Origin", "*"],
  ["Access-Control-Expose-Headers", "ETag, Content-Length, Content-Range, Accept-Ranges, Content-Location, Repr-Digest, Retry-After, x-ashore-model-version, x-ashore-served-by"],
  ["Cross-Origin-Resource-Policy", "cross-origin"],
  ["X-Content-Type-Options", "nosniff"],
] as const;

/** The answer to a preflight: everything that the routes take, remembered for a day. */
export const PREFLIGHT = [
  ...CROSS_ORIGIN,
  ["Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS"],
  ["Access-Control-Allow-Headers", "*"],
  ["Access-Control-Max-Age", "86400"],
] as const;
