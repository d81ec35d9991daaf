import { digestOfHex } from "../../protocol/digest.ts";
import { asAshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { ModelsWanted } from "../../protocol/messages.ts";
import type { Backend } from "../../protocol/manifest.ts";
import { isModelName, type ModelName } from "../../protocol/names.ts";
import type { TargetInfo } from "../../protocol/serving-config.ts";
import type { EngineHost, HeldVersion, WithSignal } from "../ports.ts";
import { evictUnneeded, forgetModel, journalOf } from "../store/index.ts";
import { withCutOff } from "./cut-off.ts";
import { presumedVersion, type EarlyLoads } from "./early-loads.ts";
import { ModelKeeper, type ModelKeeperPorts } from "./model-keeper.ts";
import { WantedModels } from "./wanted-models.ts";

export interface DeviceModelsPorts extends ModelKeeperPorts {
  readonly early: EarlyLoads;
  readonly engine: EngineHost;
}

/** All models of a device: which to hold, and a keeper for each; what a start, a look for news and a removal do to them. */
export class DeviceModels {
  readonly #ports: DeviceModelsPorts;
  readonly #wanted: WantedModels;
  readonly #keepers = new Map<ModelName, ModelKeeper>();
  /** Removals under way: what a model was must be gone before it may come back. */
  readonly #removals = new Set<Promise<unknown>>();
  #recall: Promise<void> | undefined;
  #isSwept = false;

  constructor(wanted: ModelsWanted, ports: DeviceModelsPorts) {
    this.#wanted = new WantedModels(wanted);
    this.#ports = ports;
  }

  get keepers(): Iterable<ModelKeeper> {
    return this.#keepers.values();
  }

  /** Undefined for a model that is not (any more) this device's. */
  keeper(name: ModelName): ModelKeeper | undefined {
    return this.#keepers.get(name);
  }

  want(models: ModelsWanted): void {
    this.#wanted.add(models);
  }

  /** The recall under way; does not reject. */
  get recalling(): Promise<void> | undefined {
    return this.#recall;
  }

  /** Has the engine start what a recall will need, beside all else: the backends on which stored versions served, or else the best. */
  prepare(): void {
    const { engine } = this.#ports;
    const lightest = new Map<Backend, number>();
    for (const name of this.#wanted.among(this.#stored())) {
      const { proved, inferenceMs } = this.#presumed(name) ?? {};
      if (proved !== undefined) lightest.set(proved, Math.min(lightest.get(proved) ?? Infinity, inferenceMs?.[proved] ?? 0));
    }
    const [best] = engine.backends;
    if (lightest.size === 0 && best !== undefined) lightest.set(best, 0);
    for (const [backend, inferenceMs] of lightest) void engine.prepare?.(backend, inferenceMs);
  }

  /** Takes up what is stored of the models wanted, without network; those that were taken up before stay as they are. Recalls follow one another. */
  recall(options: WithSignal = {}): Promise<void> {
    const before = this.#recall ?? Promise.resolve();
    const recall = before.then(() => this.#takeUp(options));
    const settled: Promise<void> = recall.catch(() => undefined).then(() => {
      if (this.#recall === settled) this.#recall = undefined;
    });
    this.#recall = settled;
    return recall;
  }

  /** Takes in what is published now. What fails for one model does not stop the others, and is thrown at the end. */
  async takeNews(options: WithSignal): Promise<void> {
    const { trust, manager } = this.#ports;
    await this.#removed();
    const listed = new Map((await trust.list("serving/", options)).map((target) => [target.path.slice("serving/".length, -".json".length), target]));
    for (const name of this.#wanted.among([...listed.keys()].filter(isModelName))) this.#open(name);
    manager.complete();
    const faults: unknown[] = [];
    const attempt = async (keeper: ModelKeeper, work: () => Promise<unknown>): Promise<void> => {
      try {
        if (!keeper.removed.aborted) await work();
      } catch (thrown) {
        options.signal?.throwIfAborted();
        if (!keeper.removed.aborted) faults.push(thrown);
      }
    };
    // What is blocked or lowered counts for all models before the first byte of a new version is fetched.
    for (const keeper of this.keepers) {
      await attempt(keeper, async () => {
        await keeper.refresh(listed.get(keeper.name), options);
        keeper.apply();
      });
    }
    for (const keeper of this.keepers) await attempt(keeper, () => keeper.fetchMissing(options));
    // Nothing that can wait comes before the first answer; the next look does it.
    if (!manager.isPatient) await this.evict({ spare: true, ...options });
    if (faults.length > 0) throw asAshoreError(faults[0]);
  }

  /** Unloads a model, forgets it, and deletes what nothing else needs of it. Safe to repeat. */
  async remove(name: ModelName, options: WithSignal = {}): Promise<void> {
    const { manager, clock, journal } = this.#ports;
    const isThere = this.#keepers.has(name) || this.#stored().includes(name);
    this.#wanted.remove(name);
    this.#keepers.get(name)?.remove();
    this.#keepers.delete(name);
    // Whatever ends the wait for it, what was begun is finished, now or by the next look.
    if (isThere) this.#isSwept = false;
    const removal = withCutOff(clock, LIMITS.drainMs, (cutOff) => manager.remove(name, cutOff)).then(() => journal.update((now) => forgetModel(now, name)));
    this.#removals.add(removal);
    try {
      await removal;
    } finally {
      this.#removals.delete(removal);
    }
    if (!isThere) return;
    await this.sweep(options);
    this.#isSwept = true;
  }

  /** Deletes what is not needed any more; without `spare`, the version kept for a revert goes too. */
  async evict({ spare, ...options }: { readonly spare: boolean } & WithSignal): Promise<void> {
    let isAny = !this.#isSwept || !spare;
    for (const keeper of this.keepers) isAny = (await keeper.forget({ spare, ...options })) || isAny;
    if (isAny) await this.sweep(options);
    this.#isSwept = true;
  }

  /** Deletes the blobs that nothing needs, the journal as it is. */
  async sweep(options: WithSignal = {}): Promise<void> {
    await evictUnneeded(this.#ports.blobs, this.#ports.journal, this.#needed(), options);
  }

  /** The seconds between polls that the serving configs ask for. */
  get pollSeconds(): number {
    const configured = [...this.keepers].flatMap((keeper) => keeper.pollSeconds ?? []);
    return configured.length > 0 ? Math.min(...configured) : LIMITS.pollSeconds;
  }

  #needed(): readonly TargetInfo[] {
    return [...this.#ports.fetcher.fetching(), ...[...this.keepers].flatMap((keeper) => keeper.missing())];
  }

  #open(name: ModelName): ModelKeeper | undefined {
    if (this.#keepers.has(name)) return undefined;
    const keeper = new ModelKeeper(name, this.#ports);
    this.#keepers.set(name, keeper);
    this.#ports.manager.track(name);
    return keeper;
  }

  /** Metadata is checked, serving configs are read and models are loaded side by side; only then is it said what may answer. */
  async #takeUp({ signal }: WithSignal): Promise<void> {
    const { manager, early } = this.#ports;
    await this.#removed();
    const stored = this.#stored();
    const opened = this.#wanted.among(stored).flatMap((name) => this.#open(name) ?? []);
    for (const { name } of opened) this.#loadEarly(name);
    const trusted = this.#loadTrust({ signal });
    const naming = trusted.then((isTrusted) => {
      if (!this.#wanted.all || (isTrusted && stored.length > 0)) manager.complete();
    });
    try {
      await Promise.all([naming, ...opened.map((keeper) => this.#recallOne(keeper, trusted, { signal }))]);
      signal?.throwIfAborted();
    } finally {
      await early.drop();
    }
  }

  async #recallOne(keeper: ModelKeeper, trusted: Promise<boolean>, options: WithSignal): Promise<void> {
    await keeper.recall(trusted, options).catch((thrown: unknown) => {
      if (!keeper.removed.aborted) this.#problem(thrown);
    });
    if (options.signal?.aborted !== true) keeper.apply();
  }

  /** Whether there is trusted metadata. Does not reject. */
  async #loadTrust(options: WithSignal): Promise<boolean> {
    try {
      return (await this.#ports.trust.load(options)) !== undefined;
    } catch (thrown) {
      this.#problem(thrown);
      return false;
    }
  }

  #loadEarly(name: ModelName): void {
    const presumed = this.#presumed(name);
    if (presumed !== undefined) this.#ports.early.begin(name, { version: presumed.version, digest: digestOfHex(presumed.manifest.sha256) });
  }

  #presumed(name: ModelName): HeldVersion | undefined {
    return presumedVersion(journalOf(this.#ports.journal.current(), name));
  }

  #stored(): readonly ModelName[] {
    return Object.keys(this.#ports.journal.current().models).filter(isModelName);
  }

  async #removed(): Promise<void> {
    await Promise.allSettled(this.#removals);
  }

  #problem(thrown: unknown): void {
    this.#ports.report({ type: "problem", error: asAshoreError(thrown) });
  }
}
