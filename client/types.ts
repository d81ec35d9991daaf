import type { ClassScore } from "../protocol/classes.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { Fallback, ModelState, StoredModel } from "../protocol/messages.ts";
import type { AshoreError } from "../protocol/errors.ts";
import type { Pixels } from "../protocol/image/pixels.ts";
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
  /**
   * The service worker's script (of the page's origin), or false for none: then the page's own worker hosts the runtime, for this
   * page alone. Default: `/ashore/service-worker.js`. An app with a service worker of its own names that one, and calls `serve()`
   * of `ashore/service-worker` in it. One that is registered in the scope already is asked, and never replaced by another script.
   */
  readonly serviceWorker?: string | URL | false | undefined;
  /** Its scope, which has one runtime and one server. Default `/`. */
  readonly scope?: string | undefined;
  /** The script of the page's own worker (of the page's origin). Default: `/ashore/worker.js`. */
  readonly worker?: string | URL | undefined;
  /** Which models to hold. Default: all that the server lists. */
  readonly models?: readonly string[] | "all" | undefined;
  /** Which backends may compute, best first. Default: the worker's own choice. */
  readonly backends?: readonly Backend[] | undefined;
  /** `server`: while this device cannot answer yet, its requests go to the server; one of another origin must allow that (`--rest_api_enable_cors_support`). Default `none`: nothing leaves the device. */
  readonly fallback?: Fallback | undefined;
  /** Ask the browser to keep this origin's storage (`navigator.storage.persist`). Default true. */
  readonly persist?: boolean | undefined;
}

/** A version or a label; neither is the newest version that can answer. */
export interface ModelSelection {
  readonly version?: number | undefined;
  readonly label?: string | undefined;
}

export interface Progress {
  readonly phase: "download" | "load" | "self-test" | "warm-up";
  readonly version: Version;
  /** Bytes of `totalBytes` that are done in this phase; in a download as they travel. */
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface ReadyOptions extends WithSignal {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** A number, string, boolean, bigint, or nested arrays of them; typed arrays as the innermost. */
export type NestedValue = number | string | boolean | bigint | Uint8Array | readonly NestedValue[];

/**
 * Whatever `createImageBitmap` takes: a `Blob`, `ImageBitmap`, `ImageData` or `VideoFrame`, an `img`, `video` or `canvas` element, an
 * `OffscreenCanvas`. Or pixels, 8 bits of red, green, blue and alpha each.
 */
export type ImageSource = Pixels | Blob | { readonly width: unknown; readonly height: unknown } | { readonly codedWidth: number };

/** An input: a tensor, numbers, or, where the model says how images become it, one image or several. */
export type InputValue = Tensor | NestedValue | ImageSource | readonly ImageSource[];

export interface PredictOptions extends WithSignal {
  /** Default: `serving_default`. */
  readonly signatureDef?: string | undefined;
  /** How many classes to name, of a model that has names for them. Default 5. */
  readonly topK?: number | undefined;
  /**
   * Give the inputs' buffers away instead of copying them: faster for large tensors, and afterwards they are empty here. Default
   * false, because a request is asked again when its worker was stopped, for which the inputs must still be here.
   */
  readonly transfer?: boolean | undefined;
}

export interface Answer {
  /** By the signature def's output keys. */
  readonly outputs: NamedTensors;
  /** The best classes, best first, for each row of the batch; undefined where the model has no names for them. */
  readonly classes?: readonly (readonly ClassScore[])[] | undefined;
  readonly version: Version;
  readonly servedBy: "device" | "server";
  /** What computed it on this device; undefined where the server answered. */
  readonly backend: Backend | undefined;
}

/** A change of one version of a model, or of what this device trusts of the server. */
export type Watched =
  | { readonly type: "state"; readonly status: VersionStatus; readonly backend?: Backend }
  | ({ readonly type: "progress" } & Progress)
  | { readonly type: "problem"; readonly version?: Version; readonly error: AshoreError }
  /**
   * `expired`: the server's metadata expired, at `since` (milliseconds since 1970); no news is taken in until it is `fresh` again, and
   * what is held goes on answering. `pinned`: the server's root is trusted from now on. `reset`: the script came with another root.
   */
  | { readonly type: "trust"; readonly what: "pinned" | "reset" | "expired" | "fresh"; readonly detail: string; readonly since?: number };

export interface Model {
  readonly name: ModelName;
  /**
   * Resolves when a request would be answered: at once where a version is loaded, without network where one is stored. Downloads,
   * proves and loads what is missing meanwhile. With the prebuilt service worker also the page itself is kept for offline by then.
   * @throws NOT_FOUND where the server lists no such model or version; what downloads, proofs and self-tests throw
   */
  ready(options?: ReadyOptions): Promise<void>;
  /**
   * One inference. Inputs by the signature def's keys, whole in their own shapes; those with a default may be left out. They are not
   * to be changed until it is answered, since a worker that was stopped meanwhile is asked again.
   * @throws INVALID_ARGUMENT, NOT_FOUND, UNAVAILABLE (nothing is loaded yet, or too many wait), VERSION_BLOCKED, UNIMPLEMENTED,
   * ENGINE_CRASHED, PROTOCOL_MISMATCH, WORKER_FAILED, CANCELLED, DEADLINE_EXCEEDED
   */
  predict(inputs: Readonly<Record<string, InputValue>>, options?: PredictOptions): Promise<Answer>;
  /**
   * First the states as they are, then every change, until the signal is aborted or the loop is left; `close()` makes it reject. A
   * slow reader misses what is over, and no version's newest state.
   */
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
