import { asAshoreError, type ErrorCode } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { ModelName, Version } from "../protocol/names.ts";
import type { EngineHost, HostedModel, LoadOptions, ModelBytes, WithSignal } from "../runtime/ports.ts";
import { EngineAtPort, loadAtPort } from "./engine-at-port.ts";
import type { EnginePlace, EnginePort } from "./engine-ports.ts";

/** A worker, for one servable, behind the port; undefined where there is none to have. */
export type LendEngine = (wanted: { readonly model: ModelName; readonly version: Version }, options: WithSignal) => Promise<EnginePort | undefined>;

export interface ApartEngineHostOptions extends EnginePlace {
  /** Computes in this worker: what need not be apart, and what finds no other place. */
  readonly here: EngineHost;
  readonly lend: LendEngine;
  /** Whether a servable is to be computed apart. */
  readonly isApart: (servable: NonNullable<LoadOptions["servable"]>) => boolean;
}

/** What says something about the place, and nothing about the model: elsewhere it may compute. */
const PLACE_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["ENGINE_CRASHED", "ENGINE_GONE", "WORKER_FAILED", "BACKEND_UNAVAILABLE", "PROTOCOL_MISMATCH"]);

/** An engine host that has some of its models computed in workers apart, one for each servable. */
export class ApartEngineHost implements EngineHost {
  readonly #options: ApartEngineHostOptions;
  readonly #models = new Set<EngineAtPort>();
  #misses = 0;
  #missedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ApartEngineHostOptions) {
    this.#options = options;
  }

  get backends(): readonly Backend[] {
    return this.#options.here.backends;
  }

  /** @throws as `here`, which has the last word */
  async load(model: ModelBytes, options: LoadOptions): Promise<HostedModel> {
    return (await this.#loadApart(model, options)) ?? (await this.#options.here.load(model, options));
  }

  async prepare(backend: Backend): Promise<void> {
    await this.#options.here.prepare?.(backend);
  }

  /** Whether a model that this host loaded is computed apart. */
  isApart(model: HostedModel): boolean {
    return model instanceof EngineAtPort;
  }

  /**
   * Whether it is worth asking for a place. One miss may be chance, a tab that closed just then; after another, what would move is
   * only loaded here once more, and so not before LIMITS.crashMemoryMs are over.
   */
  get mayFindPlace(): boolean {
    return this.#misses < 2 || this.#options.clock.now() - this.#missedAt >= LIMITS.crashMemoryMs;
  }

  async close(): Promise<void> {
    await Promise.all([...[...this.#models].map((model) => model.close()), this.#options.here.close()]);
  }

  async #loadApart(model: ModelBytes, { backend, servable, signal }: LoadOptions): Promise<HostedModel | undefined> {
    const { lend, isApart, locks, clock } = this.#options;
    if (servable === undefined || !isApart(servable)) return undefined;
    try {
      const port = await lend(servable, { signal });
      if (port !== undefined) {
        const engine = await loadAtPort(port, model, { backend, keep: true, signal }, { locks, clock });
        this.#misses = 0;
        return this.#keep(engine);
      }
    } catch (thrown) {
      const error = asAshoreError(thrown);
      if (!PLACE_FAULTS.has(error.code)) throw error;
    }
    this.#misses += 1;
    this.#missedAt = clock.now();
    return undefined;
  }

  #keep(model: EngineAtPort): HostedModel {
    this.#models.add(model);
    void model.ended.then(() => this.#models.delete(model));
    return model;
  }
}
