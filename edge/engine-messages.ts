import type { WireError } from "../protocol/errors.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { NamedTensors } from "../protocol/tensor.ts";
import type { ModelBytes } from "../runtime/ports.ts";

/** What goes between an engine host and one of its threads. All runs of a moment are one message, and so are their answers. */

export interface RunRequest {
  readonly id: number;
  readonly feeds: NamedTensors;
  readonly fetches: readonly string[];
}

export type RunAnswer =
  | { readonly id: number; readonly answers: NamedTensors }
  | { readonly id: number; readonly error: WireError };

/** To the thread: one `load`, then any number of `run`. */
export type ToThread =
  | { readonly type: "load"; readonly model: ModelBytes; readonly backend: Backend }
  | { readonly type: "run"; readonly requests: readonly RunRequest[] };

/** From the thread: `loaded` or `failed`, then `answers` in the order of the requests. After `failed` the thread is of no use. */
export type FromThread =
  | { readonly type: "loaded"; readonly backend: Backend }
  | { readonly type: "failed"; readonly error: WireError }
  | { readonly type: "answers"; readonly answers: readonly RunAnswer[]; readonly busyMs: number };

export interface ThreadData {
  /** The folder of TF.js's `.wasm` files, with a slash at its end. */
  readonly wasmPath: string;
}
