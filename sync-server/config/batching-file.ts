import * as v from "valibot";
import { DEFAULT_BATCHING, type BatchingParameters } from "../../protocol/batching.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { countSchema } from "./schemas.ts";
import { textProtoReader } from "./text-proto.ts";

const readBatchingParameters = textProtoReader(
  `
  syntax = "proto3";
  message BatchingParameters {
    Int64Value max_batch_size = 1;
    Int64Value batch_timeout_micros = 2;
    Int64Value max_enqueued_batches = 3;
    Int64Value num_batch_threads = 4;
    StringValue thread_pool_name = 5;
    repeated int64 allowed_batch_sizes = 6;
    bool pad_variable_length_inputs = 7;
    BoolValue enable_large_batch_splitting = 8;
    Int64Value max_execution_batch_size = 9;
  }
  message Int64Value { int64 value = 1; }
  message StringValue { string value = 1; }
  message BoolValue { bool value = 1; }
  `,
  "BatchingParameters",
);

/** A wrapped value that is written without its `value` is the type's own default, as in protobuf. */
function wrapped<Schema extends v.GenericSchema<number, number>>(schema: Schema) {
  return v.optional(v.pipe(v.object({ value: v.optional(v.number(), 0) }), v.transform(({ value }): number => value), schema));
}

const timeoutSchema = v.pipe(v.number(), v.safeInteger("must be a whole number of microseconds"), v.minValue(0, "must be at least 0"));

const fileSchema = v.object({
  max_batch_size: wrapped(countSchema),
  batch_timeout_micros: wrapped(timeoutSchema),
  max_enqueued_batches: wrapped(countSchema),
  num_batch_threads: v.optional(v.unknown()),
  thread_pool_name: v.optional(v.unknown()),
  allowed_batch_sizes: v.optional(v.array(countSchema)),
  pad_variable_length_inputs: v.optional(v.boolean(), false),
  enable_large_batch_splitting: v.optional(v.object({ value: v.optional(v.boolean(), false) }), { value: false }),
  max_execution_batch_size: wrapped(countSchema),
});

export interface BatchingFile {
  readonly batching: BatchingParameters;
  /** One line each about what was passed over. */
  readonly notes: readonly string[];
}

/**
 * TensorFlow Serving's `BatchingParameters` as text proto (tensorflow_serving/servables/tensorflow/session_bundle_config.proto).
 * @throws CONFIG_INVALID
 */
export function parseBatchingFile(text: string, file: string): BatchingFile {
  const result = v.safeParse(fileSchema, readBatchingParameters(text, file));
  if (!result.success) throw fault(file, `${v.getDotPath(result.issues[0]) ?? "the file"} ${result.issues[0].message}`);
  const read = result.output;
  const batching: BatchingParameters = {
    maxBatchSize: read.max_batch_size ?? DEFAULT_BATCHING.maxBatchSize,
    batchTimeoutMicros: read.batch_timeout_micros ?? DEFAULT_BATCHING.batchTimeoutMicros,
    maxEnqueuedBatches: read.max_enqueued_batches ?? DEFAULT_BATCHING.maxEnqueuedBatches,
    padVariableLengthInputs: read.pad_variable_length_inputs,
    enableLargeBatchSplitting: read.enable_large_batch_splitting.value,
    ...(read.allowed_batch_sizes === undefined ? {} : { allowedBatchSizes: read.allowed_batch_sizes }),
    ...(read.max_execution_batch_size === undefined ? {} : { maxExecutionBatchSize: read.max_execution_batch_size }),
  };
  check(batching, file);
  const idle = (["num_batch_threads", "thread_pool_name"] as const).filter((name) => read[name] !== undefined);
  return { batching, notes: idle.map((name) => `${file}: ${name} has no effect: each version computes in a thread of its own.`) };
}

/** What TensorFlow Serving refuses when it starts (`servables/tensorflow/bundle_factory_util.cc`, `batching/batching_session.cc`). */
function check({ maxBatchSize, allowedBatchSizes = [], maxExecutionBatchSize = maxBatchSize }: BatchingParameters, file: string): void {
  const last = allowedBatchSizes.at(-1);
  if (last !== undefined && last !== maxBatchSize) throw fault(file, `Last entry in allowed_batch_sizes must match max_batch_size; last entry was ${last}; expected ${maxBatchSize}`);
  if (allowedBatchSizes.some((size, at) => at > 0 && size <= (allowedBatchSizes[at - 1] ?? 0))) throw fault(file, "allowed_batch_sizes must be in increasing order");
  if (maxExecutionBatchSize > maxBatchSize) throw fault(file, `max_execution_batch_size ${maxExecutionBatchSize} must be at most max_batch_size ${maxBatchSize}`);
}

function fault(file: string, what: string): AshoreError {
  return new AshoreError("CONFIG_INVALID", `${file}: ${what}.`);
}
