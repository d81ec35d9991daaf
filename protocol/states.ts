import type { ErrorCode } from "./errors.ts";
import type { Version } from "./names.ts";

/**
 * The states of a servable, in TensorFlow Serving's words (`core/servable_state.h`): only forward, any may go to END. A
 * version is told AVAILABLE after it can answer, UNLOADING before it stops.
 */
export const SERVABLE_STATES = ["START", "LOADING", "AVAILABLE", "UNLOADING", "END"] as const;
export type ServableState = (typeof SERVABLE_STATES)[number];

const LEGAL: Readonly<Record<ServableState, readonly ServableState[]>> = {
  START: ["LOADING", "END"],
  LOADING: ["AVAILABLE", "END"],
  AVAILABLE: ["UNLOADING", "END"],
  UNLOADING: ["END"],
  END: ["START"],
};

/** Whether a servable may go from one state to another; from END only by being aspired again. */
export function isLegalTransition(from: ServableState, to: ServableState): boolean {
  return LEGAL[from].includes(to);
}

/** One version's state as status answers tell it. */
export interface VersionStatus {
  readonly version: Version;
  readonly state: ServableState;
  /** Why it ended, where it ended badly. */
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}
