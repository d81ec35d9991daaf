import { AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { EngineHost, HostedModel } from "../runtime/ports.ts";
import type { FromEngine } from "./engine-messages.ts";
import { hearDeath, type EnginePlace, type EnginePort } from "./engine-ports.ts";
import { EngineSession, type EngineLoad } from "./engine-session.ts";

export interface EngineWorkerOptions extends EnginePlace {
  /** The name of the Web Lock that this worker holds, once it does. */
  readonly life: Promise<string>;
  readonly engine: Pick<EngineHost, "load">;
  /** How many threads the engine computes with now. */
  readonly threads: () => number;
  /** Lets the messages that have come be heard before what is computed next. */
  readonly turn: () => Promise<void>;
  /** Shows to who looks what this worker has loaded; resolves when it can be seen. */
  readonly show: (engine: string) => Promise<void>;
  /** Ends this worker, and so frees its memory. */
  readonly end: () => void;
}

/**
 * The computing side of a port: one servable, until the port's other side says `close` or dies. If that is a runtime which may come
 * to life again, the model is kept for its next life, for LIMITS.orphanMs.
 */
export class EngineWorker {
  readonly #options: EngineWorkerOptions;
  #session: EngineSession | undefined;
  /** Aborted when whoever this worker computes for has another after it. */
  #serving = new AbortController();
  #isTaken = false;
  #model: HostedModel | undefined;
  /** What is kept, and shown. */
  #holds: Extract<FromEngine, { type: "here" }>["holds"];

  constructor(options: EngineWorkerOptions) {
    this.#options = options;
  }

  /**
   * Computes for whoever is at the port's other side, and for nobody before it any more. The owner's Web Lock tells when it is
   * dead, which nothing else does.
   */
  serve(port: EnginePort, owner: string): void {
    const { life, locks, turn } = this.#options;
    const { signal } = this.#renew();
    const session = new EngineSession({
      port,
      model: () => this.#model,
      load: (message) => void this.#load(message, session),
      close: () => this.#end(),
      turn,
    });
    this.#session = session;
    void hearDeath(locks, owner, signal).then((isDead) => {
      // It may have died just before another took its place.
      if (isDead && !signal.aborted) this.#orphan();
    });
    life.then(
      (name) => session.post({ type: "here", life: name, holds: this.#holds }),
      (thrown: unknown) => session.fail(thrown),
    );
  }

  /** Says that this worker is of no use any more, and ends it where there is nobody to hear it. */
  fail(thrown: unknown): void {
    this.#holds = undefined;
    if (this.#session === undefined) this.#end();
    else this.#session.fail(thrown);
  }

  async #load({ backend, graph, index, shards, engine }: EngineLoad, session: EngineSession): Promise<void> {
    try {
      if (this.#isTaken) throw new AshoreError("FAILED_PRECONDITION", "This engine has its model.");
      this.#isTaken = true;
      const model = await this.#options.engine.load({ graph, index, shards }, { backend });
      this.#model = model;
      const loaded = { backend: model.backend, threads: this.#options.threads() };
      if (engine !== undefined) {
        await this.#options.show(engine);
        this.#holds = { engine, ...loaded };
      }
      session.post({ type: "loaded", ...loaded });
      void model.lost.then((reason) => this.fail(reason));
    } catch (thrown) {
      session.fail(thrown);
    }
  }

  #orphan(): void {
    const { signal } = this.#renew();
    if (this.#holds === undefined) {
      this.#end();
      return;
    }
    this.#options.clock.sleep(LIMITS.orphanMs, { signal }).then(() => this.#end(), () => undefined);
  }

  #renew(): AbortController {
    this.#serving.abort();
    this.#session?.end();
    this.#session = undefined;
    return (this.#serving = new AbortController());
  }

  #end(): void {
    this.#serving.abort();
    this.#options.end();
  }
}
