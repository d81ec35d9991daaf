import type { Backend } from "../protocol/manifest.ts";
import type { NamedTensors } from "../protocol/tensor.ts";
import type { WithSignal } from "./with-signal.ts";

export type { WithSignal };

/** What publishing needs of its host, in the shapes that `edge/` provides. */

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, options?: WithSignal): Promise<void>;
}

/** A variant's bytes. The engine may take the buffers over (transfer them). */
export interface ModelBytes {
  readonly graph: Uint8Array<ArrayBuffer>;
  readonly index: Uint8Array<ArrayBuffer>;
  readonly shards: readonly Uint8Array<ArrayBuffer>[];
}

export interface HostedModel {
  /** The backend that really runs it. */
  readonly backend: Backend;
  /** Feeds by the graph's tensor names, in the engine's dtypes; answers keyed by `fetches`. */
  run(feeds: NamedTensors, fetches: readonly string[], options?: WithSignal): Promise<NamedTensors>;
  close(): Promise<void>;
}

/** Where models run while they are published: on threads of their own in a server, so that publishing never stalls serving. */
export interface EngineHost {
  readonly backends: readonly Backend[];
  /** @throws BACKEND_UNAVAILABLE, MODEL_MALFORMED, MODEL_UNSUPPORTED_OP, ENGINE_CRASHED, CANCELLED */
  load(model: ModelBytes, options: WithSignal & { readonly backend: Backend }): Promise<HostedModel>;
}
