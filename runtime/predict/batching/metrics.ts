/** Where counts of batches go (TensorFlow Serving's `batching_session/*`); a host without metrics gives none. */
export interface BatchingMetrics {
  /** Milliseconds from any start, as finely as the host has them. */
  now(): number;
  /** A request of so many rows came to be batched (`input_batch_size`). */
  entered(rows: number): void;
  /** One left the line to be computed (`queuing_latency`). */
  waited(microseconds: number): void;
  /** The model is asked for so many rows, so many of them padding (`wrapped_run_count`, `processed_batch_size`, `padding_size`). */
  ran(rows: number, padding: number): void;
}
