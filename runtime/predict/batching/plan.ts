import type { BatchingParameters } from "../../../protocol/batching.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { BatchTask, WaitingBatch } from "./batch-task.ts";

/** Tensors of a higher rank are never padded (tensorflow/core/kernels/batching_util, `AddPadding`). */
const PADDED_RANKS = 6;

/** Where rows of a task go. */
export interface Share {
  readonly rows: number;
  /** The place in the line of the batch that they join; undefined where they open one. */
  readonly batch: number | undefined;
}

/** The most rows that the model sees at once. */
export function mostRows({ enableLargeBatchSplitting, maxExecutionBatchSize, maxBatchSize }: BatchingParameters): number {
  return (enableLargeBatchSplitting ? maxExecutionBatchSize : undefined) ?? maxBatchSize;
}

/**
 * The batches that a task goes into: the first in line with room for it, or a new one; only where large batches are split can
 * it be more than one, and then the last of the line is filled up before others are opened (`shared_batch_scheduler.h`).
 * @throws INVALID_ARGUMENT for a task larger than a batch; UNAVAILABLE for a full line
 */
export function planTask(task: BatchTask, line: readonly WaitingBatch[], parameters: BatchingParameters): readonly Share[] {
  const { maxBatchSize, maxEnqueuedBatches, enableLargeBatchSplitting } = parameters;
  const most = mostRows(parameters);
  const { rows } = task;
  if (rows > maxBatchSize && !enableLargeBatchSplitting) {
    throw new AshoreError("INVALID_ARGUMENT", `Task size ${rows} is larger than maximum input batch size ${maxBatchSize}`);
  }
  let alike = 0;
  let last: number | undefined;
  let room = 0;
  for (const [at, batch] of line.entries()) {
    if (!canShare(task, batch, parameters)) continue;
    alike += 1;
    last = at;
    room = most - batch.rows;
    if (rows <= room) return [{ rows, batch: at }];
  }
  if (!enableLargeBatchSplitting) {
    if (alike >= maxEnqueuedBatches) throw full(`currently ${alike} batches enqueued and max_enqueued_batches is ${maxEnqueuedBatches}`);
    if (line.length >= LIMITS.queuedRequests) throw full(`currently ${line.length} batches of different shapes are enqueued`);
    return [{ rows, batch: undefined }];
  }
  const capacity = (maxEnqueuedBatches - alike) * most + room;
  // What is larger than the whole line has it to itself.
  if (rows > capacity && alike > 0) {
    throw full(`task size is ${rows} but scheduling capacity is only ${capacity} (num_enqueued_batches=${alike}, max_enqueued_batches=${maxEnqueuedBatches}, open_batch_size=${most - room}, max_execution_batch_size=${most})`);
  }
  const shares: Share[] = room > 0 ? [{ rows: room, batch: last }] : [];
  for (let left = rows - room; left > 0; left -= most) shares.push({ rows: Math.min(left, most), batch: undefined });
  return shares;
}

/** The rows that a batch of so many is padded to. */
export function paddedRows(rows: number, { allowedBatchSizes }: BatchingParameters): number {
  return allowedBatchSizes?.find((size) => size >= rows) ?? rows;
}

/** Whether a task's tensors fit to those of a batch, room aside. */
export function canShare(task: BatchTask, { tasks: [first] }: WaitingBatch, { padVariableLengthInputs }: BatchingParameters): boolean {
  if (first?.queue !== task.queue) return false;
  for (const name in task.feeds) {
    const shape = task.feeds[name]?.shape ?? [];
    const other = first.feeds[name]?.shape ?? [];
    if (shape.length !== other.length) return false;
    if (padVariableLengthInputs && shape.length <= PADDED_RANKS) continue;
    for (let axis = 1; axis < shape.length; axis++) if (shape[axis] !== other[axis]) return false;
  }
  return true;
}

function full(because: string): AshoreError {
  return new AshoreError("UNAVAILABLE", `The batch scheduling queue to which this task was submitted is full; ${because}`);
}
