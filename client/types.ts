import type { Backend } from "../protocol/manifest.ts";
import type { Fallback, ModelState, StoredModel } from "../protocol/messages.ts";
import type { AshoreError } from "../protocol/errors.ts";
import type { ModelName, Version } from "../protocol/names.ts";
import type { VersionStatus } from "../protocol/states.ts";
import type { NamedTensors, Tensor } from "../protocol/tensor.ts";

/** The module API for pages (DESIGN section 9). Every function takes a signal; aborting rejects with CANCELLED or DEADLINE_EXCEEDED. */

export interface WithSignal {
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectOptions extends WithSignal {
  /** The sync server's base URL. Default: the page's own origin. */
  readonly server?: string | URL | undefined;
  /** The service worker's script (of the page's origin), or false for none: then the page's own worker hosts the runtime. Default: `/ashore/service-worker.js`. */
  readonly serviceWorker?: string | URL | false | undefined;
  /** Its scope. Default `/`. */
  readonly scope?: string | undefined;
  /** The script of the page's own worker (of the page's origin). Default: `/ashore/worker.js`. */
  readonly worker?: string | URL | undefined;
  /** Which models to hold. Default: all that the server lists. */
  readonly models?: readonly string[] | "all" | undefined;
  readonly backends?: readonly Backend[] | undefined;
  readonly fallback?: Fallback | undefined;
  /** Ask the browser to keep this origin's storage (`navigator.storage.persist`). Default true. */
  readonly persist?: boolean | undefined;
}

export interface ModelSelection {
  readonly version?: number | undefined;
  readonly label?: string | undefined;
}

export interface Progress {
  readonly phase: "download" | "load" | "self-test" | "warm-up";
  readonly version: Version;
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface ReadyOptions extends WithSignal {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** A number, string, boolean, bigint, or nested arrays of them; typed arrays as the innermost. */
export type NestedValue = number | string | boolean | bigint | Uint8Array | readonly NestedValue[];

export interface PredictOptions extends WithSignal {
  readonly signatureDef?: string | undefined;
  /**
   * Give the inputs' buffers away instead of copying them: faster for large tensors, and afterwards they are empty here. Default
   * false, because a request is asked again when its worker was stopped, for which the inputs must still be here.
   */
  readonly transfer?: boolean | undefined;
}

export interface Answer {
  /** By the signature def's output keys. */
  readonly outputs: NamedTensors;
  readonly version: Version;
  readonly servedBy: "device" | "server";
  /** What computed it on this device; undefined where the server answered. */
  readonly backend: Backend | undefined;
}

/** A change of one version of a model. */
export type Watched =
  | { readonly type: "state"; readonly status: VersionStatus; readonly backend?: Backend }
  | ({ readonly type: "progress" } & Progress)
  | { readonly type: "problem"; readonly version?: Version; readonly error: AshoreError };

export interface Model {
  readonly name: ModelName;
  /**
   * Resolves when a request would be answered. Downloads, proves and loads what is missing meanwhile.
   * @throws NOT_FOUND where the server lists no such model; what downloads, proofs and self-tests throw
   */
  ready(options?: ReadyOptions): Promise<void>;
  /** One inference. @throws as `predict` of runtime/, and the connection's codes */
  predict(inputs: Readonly<Record<string, Tensor | NestedValue>>, options?: PredictOptions): Promise<Answer>;
  /** First the states as they are, then every change, until the signal is aborted or the loop is left. */
  watch(options?: WithSignal): AsyncIterable<Watched>;
}

/** The connection to this scope's runtime. */
export interface Ashore {
  /** Where the runtime lives. */
  readonly host: "service-worker" | "page";
  /** False where nothing can be stored, and a reload starts anew. */
  readonly persisted: boolean;
  /** @throws NAME_INVALID, VERSION_INVALID */
  model(name: string, selection?: ModelSelection): Model;
  models(options?: WithSignal): Promise<readonly ModelState[]>;
  /** Looks for news now; resolves when what it brought is loaded. */
  sync(options?: WithSignal): Promise<void>;
  /** What this device has stored. */
  stored(options?: WithSignal): Promise<readonly StoredModel[]>;
  /** Unloads a model and deletes what is stored of it, until a page connects for it again. */
  remove(name: string, options?: WithSignal): Promise<void>;
  /** Stops polling and watching; the runtime goes on for other pages. Whatever is under way rejects with CANCELLED. */
  close(): Promise<void>;
}
