import { AshoreError } from "./errors.ts";

/**
 * How requests are put together into batches (tensorflow_serving/config and session_bundle_config.proto's
 * `BatchingParameters`; defaults are TensorFlow Serving's).
 */
export interface BatchingParameters {
  /** The most rows (summed 0th dimensions) that run together. Default 1000. */
  readonly maxBatchSize: number;
  /** How long an open batch may wait for more, in microseconds. Default 0: what is queued when the engine is free. */
  readonly batchTimeoutMicros: number;
  /** Batches that may wait; what comes on top is refused as UNAVAILABLE. Default 10. */
  readonly maxEnqueuedBatches: number;
  /** Sizes, ascending, to which a batch is padded up; the last is `maxBatchSize`. Default: none. */
  readonly allowedBatchSizes?: readonly number[] | undefined;
  /** Pad the other dimensions to the largest in the batch. Default false: only equal shapes go together. */
  readonly padVariableLengthInputs: boolean;
  /** Split a request with more rows than `maxExecutionBatchSize`. Default false. */
  readonly enableLargeBatchSplitting: boolean;
  /** The most rows that the model sees at once where large batches are split. Default `maxBatchSize`. */
  readonly maxExecutionBatchSize?: number | undefined;
}

export const DEFAULT_BATCHING: BatchingParameters = {
  maxBatchSize: 1_000,
  batchTimeoutMicros: 0,
  maxEnqueuedBatches: 10,
  padVariableLengthInputs: false,
  enableLargeBatchSplitting: false,
};

/**
 * Refuses parameters that make no sense together.
 * @throws CONFIG_INVALID
 */
export function checkBatchingParameters({ maxBatchSize, batchTimeoutMicros, maxEnqueuedBatches, allowedBatchSizes, maxExecutionBatchSize = maxBatchSize }: BatchingParameters): void {
  const sizes = allowedBatchSizes ?? [];
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value > 0;
  if (![maxBatchSize, maxEnqueuedBatches, maxExecutionBatchSize, ...sizes].every(isCount)) throw invalid("sizes and counts are whole numbers from 1");
  if (!(batchTimeoutMicros >= 0)) throw invalid(`batchTimeoutMicros is ${batchTimeoutMicros}`);
  if (maxExecutionBatchSize > maxBatchSize) throw invalid(`maxExecutionBatchSize ${maxExecutionBatchSize} is more than maxBatchSize ${maxBatchSize}`);
  if (sizes.some((size, at) => at > 0 && size <= (sizes[at - 1] ?? 0))) throw invalid("allowedBatchSizes do not ascend");
  if (sizes.length > 0 && sizes.at(-1) !== maxBatchSize) throw invalid(`the last of allowedBatchSizes must be maxBatchSize ${maxBatchSize}`);
}

function invalid(why: string): AshoreError {
  return new AshoreError("CONFIG_INVALID", `These batching parameters cannot be: ${why}.`);
}
