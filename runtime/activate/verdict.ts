import type { AshoreError, ErrorCode } from "../../protocol/errors.ts";

const VERDICTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["SELF_TEST_FAILED", "ENGINE_CRASHED", "MODEL_UNSUPPORTED_OP", "MODEL_MALFORMED", "SCHEMA_INVALID", "JSON_INVALID", "METADATA_MISMATCH"]);
const BACKEND_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["SELF_TEST_FAILED", "ENGINE_CRASHED", "BACKEND_UNAVAILABLE", "RESOURCE_EXHAUSTED", "MODEL_UNSUPPORTED_OP", "INVALID_ARGUMENT", "INTERNAL"]);

/** Whether a failure says something about the version itself, so that this device does not try its digest again. */
export function isVerdict({ code }: AshoreError): boolean {
  return VERDICTS.has(code);
}

/** Whether the engine is no more: it crashed, or its place is gone, which says nothing about the version (the tab that computed was closed). */
export function isLoss({ code }: AshoreError): boolean {
  return code === "ENGINE_CRASHED" || code === "ENGINE_GONE";
}

/** Whether another backend may do better. */
export function isBackendFault({ code }: AshoreError): boolean {
  return BACKEND_FAULTS.has(code);
}
