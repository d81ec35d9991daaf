/**
 * Every way Ashore can fail, as one closed union. Programs test `code`; people read `message`, which says what failed,
 * where, likely why, and what to do. The code survives every boundary (worker, wire) through {@link toWireError}.
 *
 * The first group are TensorFlow's canonical status codes (tensorflow/core/protobuf/error_codes.proto); a REST answer is
 * always one of them. Each of our own codes maps onto one by {@link canonicalCode}.
 */
const CANONICAL = {
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
} as const;

export type CanonicalCode = keyof typeof CANONICAL;

const OWN = {
  // input
  USAGE: "INVALID_ARGUMENT",
  CONFIG_INVALID: "INVALID_ARGUMENT",
  NAME_INVALID: "INVALID_ARGUMENT",
  VERSION_INVALID: "INVALID_ARGUMENT",
  JSON_INVALID: "INVALID_ARGUMENT",
  SCHEMA_INVALID: "INVALID_ARGUMENT",
  LIMIT_EXCEEDED: "RESOURCE_EXHAUSTED",
  // models
  MODEL_INCOMPLETE: "FAILED_PRECONDITION",
  MODEL_MALFORMED: "INVALID_ARGUMENT",
  MODEL_UNSUPPORTED_OP: "UNIMPLEMENTED",
  VERSION_REBOUND: "ALREADY_EXISTS",
  VERSION_BLOCKED: "UNAVAILABLE",
  SELF_TEST_FAILED: "FAILED_PRECONDITION",
  // network
  NETWORK_FAILED: "UNAVAILABLE",
  HTTP_STATUS: "UNAVAILABLE",
  SLOW_RETRIEVAL: "UNAVAILABLE",
  // proof
  DIGEST_MISMATCH: "DATA_LOSS",
  SIZE_MISMATCH: "DATA_LOSS",
  ENCODING_INVALID: "DATA_LOSS",
  METADATA_MALFORMED: "DATA_LOSS",
  METADATA_UNSIGNED: "UNAUTHENTICATED",
  METADATA_EXPIRED: "FAILED_PRECONDITION",
  METADATA_ROLLBACK: "FAILED_PRECONDITION",
  METADATA_MISMATCH: "FAILED_PRECONDITION",
  TARGET_NOT_FOUND: "NOT_FOUND",
  KEY_UNSUPPORTED: "UNIMPLEMENTED",
  KEY_MISSING: "NOT_FOUND",
  KEY_LOCKED: "PERMISSION_DENIED",
  // store and engine
  STORE_FULL: "RESOURCE_EXHAUSTED",
  STORE_FAILED: "INTERNAL",
  STORE_CORRUPT: "DATA_LOSS",
  STORE_NEWER: "FAILED_PRECONDITION",
  STORE_LOCKED: "UNAVAILABLE",
  BACKEND_UNAVAILABLE: "UNAVAILABLE",
  ENGINE_CRASHED: "UNAVAILABLE",
  ENGINE_GONE: "UNAVAILABLE",
  INSECURE_ORIGIN: "FAILED_PRECONDITION",
  // page and worker
  PROTOCOL_MISMATCH: "FAILED_PRECONDITION",
  WORKER_CONFLICT: "FAILED_PRECONDITION",
  WORKER_FAILED: "UNAVAILABLE",
} as const satisfies Record<string, CanonicalCode>;

export type ErrorCode = CanonicalCode | keyof typeof OWN;

export interface AshoreErrorOptions {
  readonly cause?: unknown;
}

export class AshoreError extends Error {
  override readonly name = "AshoreError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: AshoreErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** TensorFlow's status code for one of ours; a canonical code is itself. */
export function canonicalCode(code: ErrorCode): CanonicalCode {
  return code in OWN ? OWN[code as keyof typeof OWN] : (code as CanonicalCode);
}

/** The HTTP status of a code (TensorFlow Serving `http_server.cc`, DESIGN section 7). */
export function httpStatus(code: ErrorCode): number {
  return CANONICAL[canonicalCode(code)];
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && (Object.hasOwn(CANONICAL, value) || Object.hasOwn(OWN, value));
}

/**
 * Anything thrown, as an {@link AshoreError}: itself if it is one, `CANCELLED` for an abort, `DEADLINE_EXCEEDED` for a
 * timeout signal, else `fallback` with the original as `cause`.
 */
export function asAshoreError(thrown: unknown, fallback: ErrorCode = "INTERNAL"): AshoreError {
  if (thrown instanceof AshoreError) return thrown;
  const { message, name } = thrown instanceof Error ? thrown : { message: String(thrown), name: "" };
  if (name === "AbortError") return new AshoreError("CANCELLED", `Cancelled: ${message}`, { cause: thrown });
  if (name === "TimeoutError") return new AshoreError("DEADLINE_EXCEEDED", `Out of time: ${message}`, { cause: thrown });
  return new AshoreError(fallback, message, { cause: thrown });
}

/** An error as plain data, for messages between threads; `causes` are the messages down the chain (at most 8). */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly causes: readonly string[];
}

export function toWireError(thrown: unknown): WireError {
  const error = asAshoreError(thrown);
  const causes: string[] = [];
  for (let cause = error.cause; cause !== undefined && causes.length < 8; ) {
    causes.push(cause instanceof Error ? cause.message : String(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return { code: error.code, message: error.message, causes };
}

export function fromWireError(wire: WireError): AshoreError {
  const cause = wire.causes.reduceRight<Error | undefined>(
    (inner, message) => new Error(message, inner === undefined ? undefined : { cause: inner }),
    undefined,
  );
  return new AshoreError(wire.code, wire.message, cause === undefined ? undefined : { cause });
}
