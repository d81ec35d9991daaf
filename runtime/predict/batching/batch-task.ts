import type { AshoreError } from "../../../protocol/errors.ts";
import type { NamedTensors } from "../../../protocol/tensor.ts";
import type { Cancel } from "./cancel.ts";

/** What is asked of the engine, and what of it decides with which others it runs. */
export interface BatchTask {
  /** Names what is fed and what is fetched: only tasks of one name run together. */
  readonly queue: string;
  /** By the graph's tensor names, in the engine's dtypes, all of one 0th dimension. */
  readonly feeds: NamedTensors;
  /** That dimension; at least 1. */
  readonly rows: number;
  readonly fetches: readonly string[];
  /** Some rows of a request that was split. */
  readonly isPiece?: boolean | undefined;
}

/** A task from its entry to its answer. */
export interface OpenTask extends BatchTask {
  /** By the metrics' clock. */
  readonly entered: number;
  readonly isOver: boolean;
  /** The engine's work that it is part of now. */
  run: Run | undefined;
  /** Nothing where it is over. */
  settle(answer: NamedTensors | AshoreError): void;
}

/** The engine's work for a batch, ended when nobody waits for it any more. */
export interface Run {
  readonly cancel: Cancel;
  waiting: number;
}

/** Tasks that wait to run together; never empty. */
export interface WaitingBatch {
  readonly tasks: readonly BatchTask[];
  readonly rows: number;
}
