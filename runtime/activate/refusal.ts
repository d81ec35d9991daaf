import { AshoreError } from "../../protocol/errors.ts";

/** What a request asks for: a version by number or by label, or the latest. */
export interface Selector {
  /** A bigint beyond 2^53 - 1 is no version that there is. */
  readonly version?: number | bigint | undefined;
  readonly label?: string | undefined;
}

/** TensorFlow Serving's words for a version that is not there (`core/aspired_versions_manager.cc`). */
export function servableNotFound(model: string, version: number | bigint | undefined): AshoreError {
  return new AshoreError("NOT_FOUND", `Servable not found for request: ${version === undefined ? `Latest(${model})` : `Specific(${model}, ${version})`}`);
}

/** `model_servers/server_core.cc`. */
export function unknownLabel(label: string): AshoreError {
  return new AshoreError("INVALID_ARGUMENT", `Unrecognized servable version label: ${label}`);
}

export function labelsNotSet(label: string): AshoreError {
  return new AshoreError("UNAVAILABLE", `Model labels does not init yet.${label}`);
}

export function nothingHeld(model: string): AshoreError {
  return new AshoreError("UNAVAILABLE", `No version of model ${model} is ready on this device yet; it is being fetched or loaded. Try again in a moment.`);
}

export function versionBlocked(model: string, version: number | bigint | undefined): AshoreError {
  const what = version === undefined ? `Every version of model ${model} that this device holds` : `Version ${version} of model ${model}`;
  return new AshoreError("VERSION_BLOCKED", `${what} is blocked by the publisher, and nothing has taken its place here yet.`);
}
