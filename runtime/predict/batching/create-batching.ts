import { checkBatchingParameters, DEFAULT_BATCHING, type BatchingParameters } from "../../../protocol/batching.ts";
import type { Servable } from "../../activate/index.ts";
import { computeTimed, type Batching } from "../compute.ts";
import { Batcher } from "./batcher.ts";
import type { BatchingMetrics } from "./metrics.ts";
import { queueOf, rowsOf } from "./queue-of.ts";

/**
 * Has a runtime put requests together, as TensorFlow Serving's `--enable_batching` does; but an error is that of its own request
 * alone, requests of shapes that do not fit go into batches of their own, and what cannot be batched is answered as it is without
 * batching: signature defs with an input or output without a batch dimension, by their own word or by what they answer, those
 * with defaults for inputs, and requests without rows.
 * @throws CONFIG_INVALID
 */
export function createBatching(given: Partial<BatchingParameters> = {}, metrics?: BatchingMetrics): Batching {
  const parameters = { ...DEFAULT_BATCHING, ...given };
  checkBatchingParameters(parameters);
  return (clock) => {
    const batchers = new WeakMap<Servable, Batcher>();
    return (servable, signature, feeds, options) => {
      const { fetches } = signature;
      const queue = options.alone === true ? undefined : queueOf(signature);
      const rows = queue === undefined ? 0 : rowsOf(feeds);
      if (queue === undefined || rows === 0) return computeTimed(servable, feeds, fetches, options);
      let batcher = batchers.get(servable);
      if (batcher === undefined) batchers.set(servable, (batcher = new Batcher({ parameters, clock, metrics, compute: (...asked) => computeTimed(servable, ...asked) })));
      return batcher.run({ queue, rows, feeds, fetches }, options);
    };
  };
}
