import type { Backend } from "../../protocol/manifest.ts";
import type { Outcome } from "../support/actions.ts";

export type { Outcome } from "../support/actions.ts";

/** What a test does in a page that lends a worker (test/browser/page/engines-apart.ts). */
export interface ApartActions {
  load(modelJson: string, backend: Backend, script?: string): Promise<Outcome<{ readonly backend: Backend; readonly threads: number }>>;
  run(value: number): Promise<Outcome<number>>;
  /** Asks for all of them, and kills the worker. */
  killDuring(values: readonly number[]): Promise<readonly Outcome<number>[]>;
  /** The code that the engine was lost with. */
  lost(): Promise<string>;
  close(): Promise<Outcome<void>>;
  /** The worker's owner dies; resolves, with how many workers there were, when they are gone. */
  ownerDies(): Promise<number>;
}
