import { asAshoreError, httpStatus, type ErrorCode } from "../../protocol/errors.ts";

/**
 * Where a refused upload is the sender's fault and the code's usual status would say otherwise: these codes are named after
 * what a device finds in what it fetched.
 */
const STATUS: { readonly [code in ErrorCode]?: number } = {
  LIMIT_EXCEEDED: 413,
  DIGEST_MISMATCH: 400,
  SIZE_MISMATCH: 400,
  METADATA_MALFORMED: 400,
  METADATA_UNSIGNED: 403,
  TARGET_NOT_FOUND: 400,
  NETWORK_FAILED: 400,
  STORE_FULL: 507,
};

/** An error of a write route, for its sender alone. */
export function writeError(thrown: unknown): Response {
  const error = asAshoreError(thrown);
  const { code, message } = error;
  const headers = { "Cache-Control": "no-store", ...(code === "UNAUTHENTICATED" ? { "WWW-Authenticate": 'Bearer realm="ashore"' } : {}) };
  return Response.json({ error: message, code }, { status: STATUS[code] ?? httpStatus(code), headers });
}
