import { AshoreError, toWireError } from "../protocol/errors.ts";
import type { HostedModel } from "../runtime/ports.ts";
import { buffersOf } from "./engine-bytes.ts";
import { readToEngine, type FromEngine, type ToEngine } from "./engine-messages.ts";
import type { EnginePort } from "./engine-ports.ts";

export type EngineLoad = Extract<ToEngine, { type: "load" }>;
type Run = Extract<ToEngine, { type: "run" }>;

export interface EngineSessionOptions {
  readonly port: EnginePort;
  /** The model, once it is loaded. */
  readonly model: () => Pick<HostedModel, "run"> | undefined;
  readonly load: (message: EngineLoad) => void;
  readonly close: () => void;
  /** Lets the messages that have come be heard before what is computed next. */
  readonly turn: () => Promise<void>;
}

/** What a worker computes for one runtime, over one port. Once it has ended, nothing that comes over the port counts, and nothing goes out. */
export class EngineSession {
  readonly #options: EngineSessionOptions;
  readonly #runs: Run[] = [];
  #isComputing = false;
  #isOver = false;

  constructor(options: EngineSessionOptions) {
    this.#options = options;
    const { port } = options;
    port.addEventListener("message", ({ data }) => this.#receive(data));
    port.addEventListener("messageerror", () => this.fail(new AshoreError("INTERNAL", "A message to the engine cannot be read.")));
    port.start();
  }

  /** Says that the worker is of no use any more. */
  fail(thrown: unknown): void {
    this.post({ type: "failed", error: toWireError(thrown) });
  }

  post(message: FromEngine, transfer: ArrayBuffer[] = []): void {
    if (!this.#isOver) this.#options.port.postMessage(message, transfer);
  }

  end(): void {
    this.#isOver = true;
    this.#runs.length = 0;
    this.#options.port.close();
  }

  #receive(data: unknown): void {
    if (this.#isOver) return;
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
        this.#options.load(message);
        return;
      case "close":
        this.#options.close();
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
      const model = this.#options.model();
      if (model === undefined) throw new AshoreError("FAILED_PRECONDITION", "The engine has no model.");
      const answers = await model.run(feeds, fetches);
      this.post({ type: "answer", id, answers: answers as Extract<FromEngine, { type: "answer" }>["answers"] }, buffersOf(answers));
    } catch (thrown) {
      this.post({ type: "error", id, error: toWireError(thrown) });
    }
  }

  #cancel(id: number): void {
    const at = this.#runs.findIndex((run) => run.id === id);
    if (at < 0) return;
    this.#runs.splice(at, 1);
    this.post({ type: "error", id, error: toWireError(new AshoreError("CANCELLED", "The request was given up before it was computed.")) });
  }
}
