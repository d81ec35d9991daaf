import type { GraphBytes } from "../engine/load.ts";
import type { WireError } from "../protocol/errors.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { Tape } from "./engine-tape.ts";

/** What goes between an engine host and one of its threads. All runs of a moment are one message, and so are their answers. */

/** To the thread: one `load`, then any number of `run`. */
export type ToThread = LoadMessage | RunMessage;

export interface LoadMessage {
  readonly type: "load";
  readonly model: GraphBytes;
  readonly backend: Backend;
}

/** On the tape, of each request: the count of its fetches and their names, then the count of its feeds, each a name and a tensor. */
export interface RunMessage {
  readonly type: "run";
  /** The names, which the tape has by number. */
  readonly names: readonly string[];
  readonly tape: Tape;
}

/** From the thread: `loaded` or `failed`, then an answer to each request, in order. After `failed` the thread is of no use. */
export type FromThread =
  | { readonly type: "loaded" }
  | { readonly type: "failed"; readonly error: WireError }
  | AnswerMessage;

/** On the tape, of each answer: the count of its tensors, and these in the order of the fetches; or -1, and `errors` has the next. */
export interface AnswerMessage {
  readonly type: "answers";
  readonly tape: Tape;
  readonly errors: readonly WireError[];
  /** How long the thread computed for them. */
  readonly busyMs: number;
}

export interface ThreadData {
  /** The folder of TF.js's `.wasm` files, with a slash at its end. */
  readonly wasmPath: string;
}
