import type { ConnectOptions, ModelSelection } from "../../client/types.ts";
import type { ModelState, StoredModel } from "../../protocol/messages.ts";

/** What a promise in a page came to, as plain data. */
export type Outcome<T> = { readonly ok: T } | { readonly code: string; readonly message: string };

export interface PlainAnswer {
  readonly outputs: Readonly<Record<string, readonly unknown[]>>;
  readonly version: number;
  readonly servedBy: string;
  readonly backend: string | undefined;
}

export interface Loop {
  readonly versions: readonly number[];
  readonly servedBy: readonly string[];
  readonly failures: readonly { readonly code: string; readonly message: string }[];
}

export interface PlainResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What tests do in a page (test/browser/page/e2e.ts), with arguments and answers that cross `page.evaluate`. */
export interface Actions {
  connect(options: ConnectOptions): Promise<Outcome<{ readonly host: string; readonly persisted: boolean }>>;
  ready(model: string, timeoutMs?: number): Promise<Outcome<{ readonly phases: readonly string[]; readonly bytes: number }>>;
  predict(model: string, values: readonly number[], selection?: ModelSelection, timeoutMs?: number): Promise<Outcome<PlainAnswer>>;
  /** One input, every element of it the same. */
  predictFilled(model: string, key: string, shape: readonly number[], fill: number): Promise<Outcome<PlainAnswer>>;
  rest(path: string, body?: string): Promise<PlainResponse>;
  /** Predicts one after the other until {@link stopLoop}. */
  startLoop(model: string, values: readonly number[]): void;
  stopLoop(): Promise<Loop>;
  /** Resolves when the model answers with that version. */
  answersWith(model: string, values: readonly number[], version: number): Promise<void>;
  models(): Promise<Outcome<readonly ModelState[]>>;
  stored(): Promise<Outcome<readonly StoredModel[]>>;
  remove(model: string): Promise<Outcome<null>>;
  sync(): Promise<Outcome<null>>;
  close(): Promise<Outcome<null>>;
  isControlled(): boolean;
}
