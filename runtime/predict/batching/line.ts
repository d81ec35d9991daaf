import type { BatchingParameters } from "../../../protocol/batching.ts";
import type { CancelSignal } from "../../../protocol/cancel-signal.ts";
import { asAshoreError, AshoreError } from "../../../protocol/errors.ts";
import type { NamedTensors } from "../../../protocol/tensor.ts";
import type { Clock } from "../../ports.ts";
import type { BatchTask, OpenTask, WaitingBatch } from "./batch-task.ts";
import { Cancel } from "./cancel.ts";
import type { BatchingMetrics } from "./metrics.ts";
import { canShare, mostRows, planTask } from "./plan.ts";
import { joinRows, sliceRows } from "./rows.ts";

export interface LinePorts {
  readonly parameters: BatchingParameters;
  readonly clock: Clock;
  readonly metrics: BatchingMetrics | undefined;
  /** A batch may be taken; `full` where nothing can join it. Must not throw. */
  readonly onReady: (full: boolean) => void;
}

interface Batch extends WaitingBatch {
  readonly tasks: OpenTask[];
  rows: number;
  isReady: boolean;
  /** Ends the wait for more. */
  readonly wait: AbortController | undefined;
}

/** The batches that wait for the engine, oldest first. */
export class Line {
  readonly #ports: LinePorts;
  readonly #batches: Batch[] = [];

  constructor(ports: LinePorts) {
    this.#ports = ports;
  }

  /**
   * Resolves with what the engine answers to this task.
   * @throws INVALID_ARGUMENT for a task larger than a batch; UNAVAILABLE for a full line; RESOURCE_EXHAUSTED for one whose time
   * ran out in it; the signal's reason; what the engine throws for this task
   */
  async enter(task: BatchTask, signal: CancelSignal | undefined): Promise<NamedTensors> {
    if (signal?.aborted === true) throw asAshoreError(signal.reason);
    const shares = planTask(task, this.#batches, this.#ports.parameters);
    this.#ports.metrics?.entered(task.rows);
    const [share] = shares;
    if (share !== undefined && shares.length === 1) return await this.#join(task, share.batch, signal);
    const whole = new Cancel();
    const stop = (): void => whole.abort(asAshoreError(signal?.reason));
    signal?.addEventListener("abort", stop);
    try {
      let from = 0;
      const pieces = shares.map(({ rows, batch }) => this.#join({ ...task, isPiece: true, rows, feeds: sliceRows(task.feeds, from, (from += rows)) }, batch, whole, whole));
      return joinRows(await Promise.all(pieces));
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** The oldest batch that waits for no more; it leaves the line. */
  take(): readonly OpenTask[] | undefined {
    const batch = this.#batches.find(({ isReady }) => isReady);
    if (batch === undefined) return undefined;
    this.#remove(batch);
    const { metrics } = this.#ports;
    if (metrics !== undefined) for (const { entered } of batch.tasks) metrics.waited((metrics.now() - entered) * 1000);
    return batch.tasks;
  }

  /** Refuses all who wait. */
  clear(error: AshoreError): void {
    for (const batch of this.#batches.splice(0)) {
      batch.wait?.abort();
      for (const task of batch.tasks) task.settle(error);
    }
  }

  /** @param whole what it is a piece of, which fails with it */
  #join(asked: BatchTask, place: number | undefined, signal: CancelSignal | undefined, whole?: Cancel): Promise<NamedTensors> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        const reason = asAshoreError(signal?.reason);
        const wasWaiting = this.#leave(batch, task);
        task.settle(wasWaiting && reason.code === "DEADLINE_EXCEEDED" ? timedOut(reason) : reason);
        if (task.run !== undefined && --task.run.waiting === 0) task.run.cancel.abort(reason);
      };
      const task: OpenTask & { isOver: boolean } = {
        ...asked,
        entered: this.#ports.metrics?.now() ?? 0,
        isOver: false,
        run: undefined,
        settle: (answer) => {
          if (task.isOver) return;
          task.isOver = true;
          signal?.removeEventListener("abort", abort);
          if (!(answer instanceof AshoreError)) return resolve(answer);
          reject(answer);
          whole?.abort(answer);
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      const batch = (place === undefined ? undefined : this.#batches[place]) ?? this.#open(task);
      batch.tasks.push(task);
      batch.rows += task.rows;
      const isFull = batch.rows >= mostRows(this.#ports.parameters);
      if (isFull) batch.isReady = true;
      if (batch.isReady) this.#ports.onReady(isFull);
    });
  }

  /** A new batch at the end. Those before it that this task could not join any more wait for nobody else. */
  #open(task: BatchTask): Batch {
    const { clock, parameters, onReady } = this.#ports;
    for (const batch of this.#batches) {
      if (batch.isReady || !canShare(task, batch, parameters)) continue;
      batch.isReady = true;
      onReady(false);
    }
    const wait = parameters.batchTimeoutMicros > 0 ? new AbortController() : undefined;
    const batch: Batch = { tasks: [], rows: 0, isReady: wait === undefined, wait };
    this.#batches.push(batch);
    if (wait !== undefined) {
      clock.sleep(parameters.batchTimeoutMicros / 1000, { signal: wait.signal }).then(
        () => {
          batch.isReady = true;
          onReady(false);
        },
        // Nobody waits in it any more.
        () => undefined,
      );
    }
    return batch;
  }

  /** Whether the task was still in the line. */
  #leave(batch: Batch, task: OpenTask): boolean {
    if (!this.#batches.includes(batch)) return false;
    batch.tasks.splice(batch.tasks.indexOf(task), 1);
    batch.rows -= task.rows;
    if (batch.tasks.length === 0) this.#remove(batch);
    return true;
  }

  #remove(batch: Batch): void {
    this.#batches.splice(this.#batches.indexOf(batch), 1);
    batch.wait?.abort();
  }
}

function timedOut(cause: AshoreError): AshoreError {
  return new AshoreError("RESOURCE_EXHAUSTED", "Run() timeout exceeded while waiting in batching queue", { cause });
}
