import { AshoreError, toWireError } from "../protocol/errors.ts";
import type { EngineHost, HostedModel } from "../runtime/ports.ts";
import { buffersOf } from "./engine-bytes.ts";
import { readToEngine, type FromEngine, type ToEngine } from "./engine-messages.ts";
import { hearDeath, type EnginePort, type WaitableLocks } from "./engine-ports.ts";

type Run = Extract<ToEngine, { type: "run" }>;

export interface EngineWorkerOptions {
  readonly port: EnginePort;
  /** The name of the Web Lock that this worker holds, once it does. */
  readonly life: Promise<string>;
  /** The Web Lock of whoever this worker computes for: it ends when that one does, which tells nobody otherwise. */
  readonly owner: string;
  readonly locks: WaitableLocks;
  readonly engine: Pick<EngineHost, "load">;
  /** How many threads the engine computes with now. */
  readonly threads: () => number;
  /** Lets the messages that have come be heard before what is computed next. */
  readonly turn: () => Promise<void>;
  /** Ends this worker, and so frees its memory. */
  readonly end: () => void;
}

/** The computing side of a port: one servable, until its other side says `close` or dies. */
export class EngineWorker {
  readonly #options: EngineWorkerOptions;
  readonly #runs: Run[] = [];
  readonly #listening = new AbortController();
  #model: HostedModel | undefined;
  #isComputing = false;

  constructor(options: EngineWorkerOptions) {
    this.#options = options;
    const { port, life, owner, locks } = options;
    port.addEventListener("message", ({ data }) => this.#receive(data));
    port.addEventListener("messageerror", () => this.fail(new AshoreError("INTERNAL", "A message to the engine cannot be read.")));
    port.start();
    void hearDeath(locks, owner, this.#listening.signal).then(() => this.#end());
    life.then(
      (name) => this.#post({ type: "here", life: name }),
      (thrown: unknown) => this.fail(thrown),
    );
  }

  /** Says that this worker is of no use any more. */
  fail(thrown: unknown): void {
    this.#post({ type: "failed", error: toWireError(thrown) });
  }

  #receive(data: unknown): void {
    let message: ToEngine;
    try {
      message = readToEngine(data);
    } catch (thrown) {
      this.fail(thrown);
      return;
    }
    switch (message.type) {
      case "run":
        this.#runs.push(message);
        if (!this.#isComputing) void this.#compute();
        return;
      case "cancel":
        this.#cancel(message.id);
        return;
      case "load":
        void this.#load(message);
        return;
      case "close":
        this.#end();
    }
  }

  async #load({ backend, graph, index, shards }: Extract<ToEngine, { type: "load" }>): Promise<void> {
    try {
      if (this.#model !== undefined) throw new AshoreError("FAILED_PRECONDITION", "This engine has its model.");
      const model = await this.#options.engine.load({ graph, index, shards }, { backend });
      this.#model = model;
      this.#post({ type: "loaded", backend: model.backend, threads: this.#options.threads() });
      void model.lost.then((reason) => this.fail(reason));
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  /** One after the other; what was cancelled meanwhile is not begun. */
  async #compute(): Promise<void> {
    this.#isComputing = true;
    await this.#options.turn();
    for (let run = this.#runs.shift(); run !== undefined; run = this.#runs.shift()) {
      await this.#answer(run);
      await this.#options.turn();
    }
    this.#isComputing = false;
  }

  async #answer({ id, feeds, fetches }: Run): Promise<void> {
    try {
      if (this.#model === undefined) throw new AshoreError("FAILED_PRECONDITION", "The engine has no model.");
      const answers = await this.#model.run(feeds, fetches);
      this.#post({ type: "answer", id, answers: answers as Extract<FromEngine, { type: "answer" }>["answers"] }, buffersOf(answers));
    } catch (thrown) {
      this.#post({ type: "error", id, error: toWireError(thrown) });
    }
  }

  #cancel(id: number): void {
    const at = this.#runs.findIndex((run) => run.id === id);
    if (at < 0) return;
    this.#runs.splice(at, 1);
    this.#post({ type: "error", id, error: toWireError(new AshoreError("CANCELLED", "The request was given up before it was computed.")) });
  }

  #end(): void {
    this.#listening.abort();
    this.#options.end();
  }

  #post(message: FromEngine, transfer: ArrayBuffer[] = []): void {
    this.#options.port.postMessage(message, transfer);
  }
}
