import type { BatchingMetrics } from "../../runtime/index.ts";
import type { Metrics } from "./metrics.ts";
import { exponential } from "./series.ts";

/** TensorFlow Serving's name for its threads where no file names them; here it is a label's value, and no more. */
const POOL = ["model_server_batch_threads"];
const ROWS = exponential(1, 2, 14);

/** Counts of batches under TensorFlow Serving's names (`batching/batching_session.cc`, `batching/batching_util.h`). */
export function createBatchingMetrics({ series }: Metrics): BatchingMetrics {
  const queuing = series.sampler("/tensorflow/serving/batching_session/queuing_latency", ["thread_pool_name"], exponential(100, 1.2, 52));
  const runs = series.counter("/tensorflow/serving/batching_session/wrapped_run_count", []);
  const input = series.sampler("/tensorflow/serving/batching_session/input_batch_size", [], ROWS);
  const processed = series.sampler("/tensorflow/serving/batching_session/processed_batch_size", [], ROWS);
  const padded = series.sampler("/tensorflow/serving/batching_session/padding_size", ["execution_batch_size"], ROWS);
  return {
    now: () => performance.now(),
    entered: (rows) => input.add([], rows),
    waited: (microseconds) => queuing.add(POOL, microseconds),
    ran: (rows, padding) => {
      runs.add([]);
      processed.add([], rows);
      padded.add([String(rows)], padding);
    },
  };
}
