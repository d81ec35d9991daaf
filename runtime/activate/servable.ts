import type { NamedClasses } from "../../protocol/classes.ts";
import type { Digest } from "../../protocol/digest.ts";
import type { Backend, Manifest } from "../../protocol/manifest.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import type { HostedModel } from "../ports.ts";
import type { InferenceTime } from "./inference-time.ts";

/** One version of one model, loaded and able to answer. */
export interface Servable {
  readonly model: ModelName;
  readonly version: Version;
  /** The digest of its manifest. */
  readonly digest: Digest;
  readonly manifest: Manifest;
  /** What it calls the scores of an output. */
  readonly classes?: NamedClasses | undefined;
  /** The backend that passed the self-test, and runs it. */
  readonly backend: Backend;
  readonly hosted: HostedModel;
  /** Who runs it for a request times it with this. */
  readonly time: InferenceTime;
}

/** Keeps a version loaded for one request; released exactly once, whatever happened. */
export interface Handle {
  readonly servable: Servable;
  release(): void;
}

/** A version that a manager is told to hold. */
export interface Wanted {
  readonly version: Version;
  /** The digest of its manifest. */
  readonly digest: Digest;
}

export interface LoadRequest {
  readonly signal: AbortSignal;
  /** A backend to try after all others: the version's engine died there more than once just now. */
  readonly avoid?: Backend | undefined;
}

/**
 * Makes a servable of what the device holds. Called with one version of a model at a time; what it throws ends the version.
 * @throws AshoreError
 */
export type Load = (model: ModelName, wanted: Wanted, request: LoadRequest) => Promise<Servable>;
