import { asAshoreError, type ErrorCode } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { ModelName, Version } from "../protocol/names.ts";
import type { EngineHost, HostedModel, LoadOptions, ModelBytes, WithSignal } from "../runtime/ports.ts";
import { adoptAtPort, EngineAtPort, loadAtPort } from "./engine-at-port.ts";
import { engineName } from "./engine-name.ts";
import { isHeld, type EnginePlace, type EnginePort, type VisibleLocks } from "./engine-ports.ts";

export interface EngineRequest {
  readonly model: ModelName;
  readonly version: Version;
  /** The name of what it is for, exactly (engine-name.ts). */
  readonly engine: string;
  /** Only a worker that has that loaded already. */
  readonly isLoaded: boolean;
}

/** A worker, for one servable, behind the port; undefined where there is none to have. */
export type LendEngine = (wanted: EngineRequest, options: WithSignal) => Promise<EnginePort | undefined>;

export interface ApartEngineHostOptions extends EnginePlace {
  /** The path that names the runtime's store. */
  readonly scope: string;
  /** Where workers may outlive this host: the locks of all that live. They then keep their models for the next host of the scope. */
  readonly outlived?: VisibleLocks | undefined;
  /** Computes in this worker: what need not be apart, and what finds no other place. */
  readonly here: EngineHost;
  readonly lend: LendEngine;
  /** Whether a servable is to be computed apart. */
  readonly isApart: (servable: NonNullable<LoadOptions["servable"]>) => boolean;
}

/** What says something about the place, and nothing about the model: elsewhere it may compute. */
const PLACE_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["ENGINE_CRASHED", "ENGINE_GONE", "WORKER_FAILED", "BACKEND_UNAVAILABLE", "PROTOCOL_MISMATCH"]);

function throwUnlessOfPlace(thrown: unknown): void {
  const error = asAshoreError(thrown);
  if (!PLACE_FAULTS.has(error.code)) throw error;
}

/** An engine host that has some of its models computed in workers apart, one for each servable. */
export class ApartEngineHost implements EngineHost {
  readonly #options: ApartEngineHostOptions;
  readonly #models = new Set<EngineAtPort>();
  /** What this host asked for, by name: from then on a worker that has it loaded is this host's own. */
  readonly #asked = new Set<string>();
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

  /** A model that a worker has loaded still for the host before this one. @throws CANCELLED */
  async adopt({ backend, servable, signal }: LoadOptions): Promise<HostedModel | undefined> {
    const { scope, outlived, lend, isApart, locks, clock } = this.#options;
    if (outlived === undefined || servable === undefined || !isApart(servable)) return undefined;
    const { model, version } = servable;
    const engine = engineName(scope, servable, backend);
    if (this.#asked.has(engine)) return undefined;
    this.#asked.add(engine);
    try {
      if (!(await isHeld(outlived, engine))) return undefined;
      const port = await lend({ model, version, engine, isLoaded: true }, { signal });
      return port && this.#keep(await adoptAtPort(port, { backend, engine, signal }, { locks, clock }));
    } catch (thrown) {
      throwUnlessOfPlace(thrown);
      return undefined;
    }
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
    const { scope, outlived, lend, isApart, locks, clock } = this.#options;
    if (servable === undefined || !isApart(servable)) return undefined;
    const engine = engineName(scope, servable, backend);
    this.#asked.add(engine);
    try {
      const port = await lend({ model: servable.model, version: servable.version, engine, isLoaded: false }, { signal });
      if (port !== undefined) {
        const loaded = await loadAtPort(port, model, { backend, engine: outlived && engine, keep: true, signal }, { locks, clock });
        this.#misses = 0;
        return this.#keep(loaded);
      }
    } catch (thrown) {
      throwUnlessOfPlace(thrown);
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
