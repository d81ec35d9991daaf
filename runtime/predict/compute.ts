import type { NamedTensors } from "../../protocol/tensor.ts";
import type { Servable } from "../activate/index.ts";
import type { Clock, RunOptions } from "../ports.ts";
import type { Signature } from "./signature.ts";

export interface ComputeOptions extends RunOptions {
  /** Not together with others: an engine died of the request, or of one that ran with it. */
  readonly alone?: boolean | undefined;
}

/** Has the engine compute a signature def's graph: feeds in, what it fetches out, by the graph's tensor names. */
export type Compute = (servable: Servable, signature: Signature, feeds: NamedTensors, options: ComputeOptions) => Promise<NamedTensors>;

/** Puts requests together (`runtime/predict/batching`). */
export type Batching = (clock: Clock) => Compute;

/** One request, one inference. */
export const computeAlone: Compute = (servable, { fetches }, feeds, options) => computeTimed(servable, feeds, fetches, options);

/** @throws what the engine throws */
export async function computeTimed({ hosted, time }: Servable, feeds: NamedTensors, fetches: readonly string[], { signal }: RunOptions): Promise<NamedTensors> {
  const began = time.begin();
  const fetched = await hosted.run(feeds, fetches, { signal });
  time.end(began);
  return fetched;
}
