import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import { asAshoreError, AshoreError, fromWireError } from "../protocol/errors.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { NamedTensors } from "../protocol/tensor.ts";
import type { HostedModel, ModelBytes, RunOptions, WithSignal } from "../runtime/ports.ts";
import { readAnswers, RunWriter } from "./engine-codec.ts";
import type { FromThread, ThreadData, ToThread } from "./engine-messages.ts";
import { RunQueue } from "./engine-run-queue.ts";

export interface ThreadOptions extends WithSignal {
  readonly threadScript: URL;
  readonly wasmPath: string;
  readonly log: (line: string) => void;
  /** Called once, when the thread has ended. */
  readonly onExit: (model: HostedModel) => void;
}

/**
 * A model in a thread of its own: starts the thread, loads the model there, and gives its handle. Aborting ends the thread.
 * @throws BACKEND_UNAVAILABLE, MODEL_MALFORMED, MODEL_UNSUPPORTED_OP, ENGINE_CRASHED, CANCELLED
 */
export async function loadInThread(bytes: ModelBytes, backend: Backend, options: ThreadOptions): Promise<HostedModel> {
  const { signal } = options;
  if (signal?.aborted) throw asAshoreError(signal.reason);
  const model = new ThreadedModel(backend, options);
  const abort = (): void => model.end(asAshoreError(signal?.reason));
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await model.load(bytes);
    return model;
  } catch (thrown) {
    await model.close();
    throw thrown;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

class ThreadedModel implements HostedModel {
  readonly backend: Backend;
  readonly lost: Promise<AshoreError>;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #loaded: Promise<void>;
  readonly #writer = new RunWriter();
  readonly #runs = new RunQueue((requests) => {
    const { message, transfer } = this.#writer.write(requests);
    this.#post(message, transfer);
  });
  #closing = false;
  #lose: (reason: AshoreError) => void = () => {};
  #settleLoad: { readonly resolve: () => void; readonly reject: (reason: AshoreError) => void } = { resolve() {}, reject() {} };

  constructor(backend: Backend, { threadScript, wasmPath, log, onExit }: ThreadOptions) {
    this.backend = backend;
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    this.#loaded = new Promise((resolve, reject) => {
      this.#settleLoad = { resolve, reject };
    });
    // Told to whoever awaits `load`, who may have left before.
    this.#loaded.catch(() => {});
    const workerData: ThreadData = { wasmPath };
    this.#worker = new Worker(threadScript, { workerData, stdout: true, stderr: true, name: "ashore-engine" });
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) createInterface(stream).on("line", log);
    this.#worker.on("message", (message: FromThread) => {
      try {
        this.#receive(message);
      } catch (thrown) {
        // Costs this model its engine, and never the process.
        this.#crash("its answers cannot be made out", thrown);
      }
    });
    this.#worker.on("messageerror", (cause) => this.#crash("its messages cannot be read", cause));
    this.#worker.on("error", (cause) => this.#crash(cause instanceof Error ? cause.message : String(cause), cause));
    this.#exited = new Promise((resolve) => {
      this.#worker.once("exit", (code) => {
        this.#crash(`its thread ended with status ${code}`);
        onExit(this);
        resolve();
      });
    });
  }

  async load({ graph, index, shards }: ModelBytes): Promise<void> {
    const model = { graph: movable(graph), index: movable(index), shards: shards.map(movable) };
    this.#post({ type: "load", model, backend: this.backend }, [model.graph.buffer, model.index.buffer, ...model.shards.map(({ buffer }) => buffer)]);
    await this.#loaded;
  }

  run(feeds: NamedTensors, fetches: readonly string[], { signal }: RunOptions = {}): Promise<NamedTensors> {
    return this.#runs.run(feeds, fetches, signal);
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.end(new AshoreError("CANCELLED", "The model was closed."));
    await this.#exited;
  }

  /** Ends the thread, whatever it does; all that is pending is rejected with the reason. */
  end(reason: AshoreError): void {
    this.#settleLoad.reject(reason);
    this.#runs.end(reason);
    void this.#worker.terminate();
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case "answers":
        this.#runs.settle(readAnswers(message), message.busyMs);
        return;
      case "loaded":
        this.#settleLoad.resolve();
        return;
      case "failed":
        this.#fail(fromWireError(message.error));
    }
  }

  #crash(why: string, cause?: unknown): void {
    this.#fail(new AshoreError("ENGINE_CRASHED", `The engine thread crashed: ${why}. The model must be loaded again.`, { cause }));
  }

  #fail(reason: AshoreError): void {
    if (!this.#closing) this.#lose(reason);
    this.end(reason);
  }

  #post(message: ToThread, transfer: readonly ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer);
  }
}

/** Bytes with a buffer to themselves: a view into a larger one (Node's pool of small buffers) is copied. */
function movable(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}
