import type { Runtime } from "../edge/index.ts";
import type { ModelName } from "../protocol/names.ts";
import type { VersionStatus } from "../protocol/states.ts";

/** TensorFlow Serving's REST API. Answers every request, errors included, and never rejects. */
export type Rest = Pick<Runtime, "handle">;
export type RestRequest = Parameters<Rest["handle"]>[0];
export type RestResponse = Awaited<ReturnType<Rest["handle"]>>;

/** What the server needs of the runtime behind it. */
export type Inference = Pick<Runtime, "handle" | "status">;

/** What the model repositories' watcher says of a model. */
export interface RepositoryView {
  /** Versions that could not be published: END, with the reason. */
  failed(model: ModelName): readonly VersionStatus[];
  /** What is wrong with the repository as a whole, if anything. */
  problem(model: ModelName): string | undefined;
}
