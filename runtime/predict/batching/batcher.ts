import { asAshoreError, AshoreError, canonicalCode, type CanonicalCode } from "../../../protocol/errors.ts";
import type { NamedTensors } from "../../../protocol/tensor.ts";
import { isLoss } from "../../activate/index.ts";
import type { RunOptions } from "../../ports.ts";
import type { BatchTask, OpenTask, Run } from "./batch-task.ts";
import { Cancel } from "./cancel.ts";
import { Line, type LinePorts } from "./line.ts";
import { paddedRows } from "./plan.ts";
import { joinRows, sliceRows } from "./rows.ts";

export interface BatcherPorts extends Omit<LinePorts, "onReady"> {
  /** Computes on the engine. */
  readonly compute: (feeds: NamedTensors, fetches: readonly string[], options: RunOptions) => Promise<NamedTensors>;
}

/** Why an engine refuses whatever it is asked; any other reason may be that of one task among others. */
const FOR_ALL: ReadonlySet<CanonicalCode> = new Set<CanonicalCode>(["UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED"]);

/** Tells a request in pieces that the model takes it whole only. */
const IN_PIECES = new AshoreError("UNIMPLEMENTED", "Outputs of this model have no batch dimension, so that no answer can be put together of those to a request's parts.");

/**
 * The requests of one servable, computed in batches, one batch after the other: what waits when the engine is free goes next, so
 * that batches form while it computes, and a request that comes alone waits for nobody.
 */
export class Batcher {
  readonly #ports: BatcherPorts;
  readonly #line: Line;
  /** Queues that turned out to have outputs without the batch dimension. */
  readonly #unbatchable = new Set<string>();
  #isBusy = false;

  constructor(ports: BatcherPorts) {
    this.#ports = ports;
    this.#line = new Line({
      ...ports,
      onReady: (full) => {
        if (this.#isBusy) return;
        // What is asked for in the same turn goes along, where there is room for it.
        void (full ? this.#work() : Promise.resolve().then(() => this.#work()));
      },
    });
  }

  /** What the task would get alone, each output by its name in the graph. @throws as {@link Line.enter} */
  async run(task: BatchTask, { signal }: RunOptions): Promise<NamedTensors> {
    if (!this.#unbatchable.has(task.queue)) {
      try {
        return await this.#line.enter(task, signal);
      } catch (thrown) {
        if (thrown !== IN_PIECES) throw thrown;
      }
    }
    return await this.#ports.compute(task.feeds, task.fetches, { signal });
  }

  /** Takes batch after batch while there are any. Does not reject. */
  async #work(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let tasks = this.#line.take(); tasks !== undefined; tasks = this.#line.take()) await this.#answer(tasks);
    this.#isBusy = false;
  }

  /** Settles every task, with its own answer or its own error: where they fail together, each half is tried by itself. Does not reject. */
  async #answer(tasks: readonly OpenTask[]): Promise<void> {
    const open = tasks.filter(({ isOver }) => !isOver);
    const [first] = open;
    if (first === undefined) return;
    if (this.#unbatchable.has(first.queue)) {
      if (open.length > 1) {
        await Promise.all(open.map((task) => this.#answer([task])));
        return;
      }
      if (first.isPiece === true) return first.settle(IN_PIECES);
    }
    try {
      if (await this.#compute(first, open)) return;
    } catch (thrown) {
      const error = asAshoreError(thrown);
      if (open.length === 1 || FOR_ALL.has(canonicalCode(error.code))) {
        for (const task of open) task.settle(error);
        if (isLoss(error)) this.#line.clear(error);
        return;
      }
      const half = open.length >> 1;
      await this.#answer(open.slice(0, half));
      await this.#answer(open.slice(half));
      return;
    }
    this.#unbatchable.add(first.queue);
    await this.#answer(open);
  }

  /** Settles the tasks with what the engine makes of them together; false, and nothing done, where its outputs do not have a row for each of theirs. */
  async #compute(first: OpenTask, tasks: readonly OpenTask[]): Promise<boolean> {
    const rows = tasks.reduce((sum, task) => sum + task.rows, 0);
    const size = this.#unbatchable.has(first.queue) ? rows : paddedRows(rows, this.#ports.parameters);
    const isAsAsked = tasks.length === 1 && size === rows;
    const feeds = isAsAsked ? first.feeds : joinRows(tasks.map((task) => task.feeds), size - rows);
    const run: Run = { cancel: new Cancel(), waiting: tasks.length };
    for (const task of tasks) task.run = run;
    this.#ports.metrics?.ran(size, size - rows);
    const answers = await this.#ports.compute(feeds, first.fetches, { signal: run.cancel });
    for (const task of tasks) task.run = undefined;
    if (isAsAsked && first.isPiece !== true) {
      first.settle(answers);
      return true;
    }
    if (!Object.values(answers).every(({ shape }) => shape[0] === size)) return false;
    let from = 0;
    for (const task of tasks) task.settle(sliceRows(answers, from, (from += task.rows)));
    return true;
  }
}
