import type { ModelName } from "../protocol/names.ts";
import type { VersionStatus } from "../protocol/states.ts";
import type { WithSignal } from "./with-signal.ts";

/** What the server needs of the runtime behind it, in the shapes that `edge/` provides. */

export interface RestRequest {
  readonly method: string;
  /** Path and query, still percent-encoded. */
  readonly target: string;
  /** By lower-case name. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>> | undefined;
  /** Called at most once. @throws LIMIT_EXCEEDED beyond LIMITS.requestBodyBytes */
  readonly body: () => Promise<Uint8Array> | Uint8Array;
}

export interface RestResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | string;
}

/** TensorFlow Serving's REST API. Answers every request, errors included, and never rejects. */
export interface Rest {
  handle(request: RestRequest, options?: WithSignal): Promise<RestResponse>;
}

export interface Inference extends Rest {
  /** The states of a model's versions, highest first; undefined for one that it does not know. */
  status(model: string): readonly VersionStatus[] | undefined;
}

/** What the model repositories' watcher says of a model. */
export interface RepositoryView {
  /** Versions that could not be published: END, with the reason. */
  failed(model: ModelName): readonly VersionStatus[];
  /** What is wrong with the repository as a whole, if anything. */
  problem(model: ModelName): string | undefined;
}
