import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import { digestOfHex } from "../protocol/digest.ts";
import { LIMITS } from "../protocol/limits.ts";
import { isModelName, type ModelName, type Version } from "../protocol/names.ts";
import type { VersionStatus } from "../protocol/states.ts";
import { chooseVariant, createLoader, Manager, ModelKeeper, type TransitionPolicy } from "./activate/index.ts";
import { Poller } from "./poller.ts";
import type { Ports, RuntimeEvent, WithSignal } from "./ports.ts";
import { createRestCore, predict, type PredictAnswer, type PredictRequest, type RequestMetrics, type RestCore } from "./predict/index.ts";
import { createJournalKeeper, evictUnneeded, journalOf, layeredBlobs, markProved, memoryBlobs, readManifest, readVariant, resetTrust, verifiedBlobs } from "./store/index.ts";
import { createVersionFetcher } from "./sync/index.ts";
import { createTrust, type Trust } from "./trust/index.ts";

export interface RuntimeOptions {
  /** The sync server's base URL. */
  readonly server: string;
  readonly ports: Ports;
  /** Which models to hold. Default: all that the server lists. */
  readonly models?: readonly ModelName[] | "all" | undefined;
  /** Root metadata that came with the program; without it the server's first root is pinned. */
  readonly root?: Uint8Array<ArrayBuffer> | undefined;
  /** Seconds between polls, instead of what the serving configs say. */
  readonly pollSeconds?: number | undefined;
  /** How long one inference may take over REST, in milliseconds; 0 or less for no bound. Default LIMITS.requestTimeoutMs. */
  readonly timeoutMs?: number | undefined;
  /** Let pages of other origins call the REST API. Default false. */
  readonly cors?: boolean | undefined;
  readonly metrics?: RequestMetrics | undefined;
  /** Default: the last good version answers until its successor does. */
  readonly policy?: TransitionPolicy | undefined;
  /** Another trust than the server's TUF metadata; for tests. */
  readonly trust?: Trust | undefined;
}

export interface ModelStatus {
  readonly name: ModelName;
  /** Highest first. */
  readonly versions: readonly VersionStatus[];
}

export interface Runtime {
  /**
   * Loads what is stored, without network; where that leaves nothing that answers, looks for news once. Then polls until it is
   * closed. Resolves when every version that is here so far is AVAILABLE or END; what goes wrong is told as events.
   * @throws CANCELLED
   */
  start(options?: WithSignal): Promise<void>;
  /**
   * Looks for news now, and takes it in. Resolves when what it brought is stored; loading goes on.
   * @throws what trust, downloads and stores throw; what was held before stays
   */
  sync(options?: WithSignal): Promise<void>;
  /** TensorFlow Serving's REST API; never rejects. */
  readonly handle: RestCore["handle"];
  /** @throws NOT_FOUND, UNAVAILABLE, VERSION_BLOCKED, INVALID_ARGUMENT, UNIMPLEMENTED, ENGINE_CRASHED, CANCELLED, DEADLINE_EXCEEDED */
  predict(request: PredictRequest, options?: WithSignal): Promise<PredictAnswer>;
  models(): readonly ModelStatus[];
  /** The versions of a model, highest first; undefined for one that this runtime does not know. */
  status(model: string): readonly VersionStatus[] | undefined;
  /** Resolves when every version to be loaded is AVAILABLE or END. */
  settled(options?: WithSignal): Promise<void>;
  /** Hears all events from now on; answers how to stop. */
  watch(listener: (event: RuntimeEvent) => void): () => void;
  /** Stops polling, lets requests under way end (for `drainMs` at most, default LIMITS.drainMs), and frees the engine. */
  close(options?: { readonly drainMs?: number | undefined }): Promise<void>;
}

/**
 * A runtime: takes versions in, proves them, keeps them, rolls from one to the next, and answers. Opens the journal.
 * @throws STORE_FAILED
 */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { server, models = "all" } = options;
  const listeners = new Set<(event: RuntimeEvent) => void>();
  const report = (event: RuntimeEvent): void => {
    for (const listener of [options.ports.report, ...listeners]) {
      try {
        listener(event);
      } catch (thrown) {
        // A listener's fault is its host's to see, and must not stop what it listens to.
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
  };
  const ports: Ports = { ...options.ports, report };
  const { clock, random, engine } = ports;
  const problem = (thrown: unknown): void => report({ type: "problem", error: asAshoreError(thrown) });

  const layered = layeredBlobs(ports.blobs, memoryBlobs(), { report, makeRoom: () => evict({ spare: false }) });
  const blobs = verifiedBlobs(layered, { report });
  const journal = await createJournalKeeper(ports.journal, random, { report, makeRoom: () => evictUnneeded(blobs, journal, fetching()) });
  const trust = options.trust ?? createTrust({ server, fetch: ports.fetch, clock, store: ports.metadata, root: options.root, onTrustReset: distrust });
  const fetcher = createVersionFetcher({
    server,
    fetch: ports.fetch,
    clock,
    random,
    blobs,
    trust,
    chooseVariant: (manifest) => {
      const choice = chooseVariant(manifest, engine.backends);
      if (choice !== undefined) return choice.variant;
      throw new AshoreError("BACKEND_UNAVAILABLE", `No variant of ${manifest.model} version ${manifest.version} runs on the backends of this host (${engine.backends.join(", ") || "none"}); publish one that does.`);
    },
    commit: async ({ model, version, manifest }, digests) => journal.commit(model, version, manifest, { persisted: await layered.persisted(digests) }),
  });

  const keepers = new Map<ModelName, ModelKeeper>();
  const manager = new Manager({
    clock,
    policy: options.policy,
    report: (event) => {
      if (event.type === "state" && event.status.state === "AVAILABLE") onAvailable(event.model, event.status.version, event.backend);
      report(event);
    },
    load: createLoader({
      engine,
      report,
      readManifest: async (digest, signal) => {
        const manifest = await readManifest(blobs, { sha256: digest.slice("sha256:".length), length: 0 }, signal);
        if (manifest === undefined) throw damaged("Its manifest");
        return manifest;
      },
      readVariant: async (variant, signal) => {
        const read = await readVariant(blobs, variant, signal);
        if (!read.whole) throw damaged(`${read.missing.length} of its blobs`);
        return read.bytes;
      },
      proved: (model, { version, digest }) => journalOf(journal.current(), model).held.find((one) => one.version === version && digestOfHex(one.manifest.sha256) === digest)?.proved,
    }),
    beforeLatest: async (model, version) => {
      // A disk that takes no more writes must not stop the answers; it is told, and a restart may then know less.
      await keeperOf(model).serving(version).catch(problem);
    },
    onFailed: (model, wanted, error) => void keeperOf(model).failed(wanted, error).catch(problem),
  });
  const rest = createRestCore({ manager, clock, timeoutMs: options.timeoutMs, cors: options.cors, metrics: options.metrics });

  const poller = new Poller({ clock, random, cycle, pollSeconds });
  let hasExpired = false;
  let isSwept = false;

  function keeperOf(name: ModelName): ModelKeeper {
    let keeper = keepers.get(name);
    if (keeper === undefined) {
      keepers.set(name, (keeper = new ModelKeeper(name, { clock, random, report, trust, journal, blobs, fetcher, manager, closing: poller.signal, syncSoon: () => poller.wake() })));
      manager.track(name);
    }
    return keeper;
  }

  function pollSeconds(): number {
    const configured = [...keepers.values()].flatMap((keeper) => keeper.pollSeconds ?? []);
    return options.pollSeconds ?? (configured.length > 0 ? Math.min(...configured) : LIMITS.pollSeconds);
  }

  function fetching(): ReturnType<typeof fetcher.fetching> {
    return [...fetcher.fetching(), ...[...keepers.values()].flatMap((keeper) => keeper.missing())];
  }

  /** Deletes what is not needed any more; without `spare`, the version kept for a revert goes too. */
  async function evict({ spare, signal }: { readonly spare: boolean } & WithSignal): Promise<void> {
    let isAny = !isSwept || !spare;
    for (const keeper of keepers.values()) isAny = (await keeper.forget({ spare, signal })) || isAny;
    if (isAny) await evictUnneeded(blobs, journal, fetching(), { signal });
    isSwept = true;
  }

  async function distrust(): Promise<void> {
    await journal.update(resetTrust);
    for (const keeper of keepers.values()) keeper.distrust();
  }

  function onAvailable(model: ModelName, version: Version, backend: Parameters<typeof markProved>[3] | undefined): void {
    keeperOf(model).available(version);
    const held = journalOf(journal.current(), model).held.find((one) => one.version === version);
    if (backend === undefined || held === undefined || held.proved === backend) return;
    void journal.update((now) => markProved(now, model, version, backend)).catch(problem);
  }

  async function cycle(signal: AbortSignal): Promise<void> {
    try {
      report({ type: "sync", ok: true, changed: await takeNews(signal) });
    } catch (thrown) {
      const error = asAshoreError(thrown);
      if (error.code === "METADATA_EXPIRED" && !hasExpired) {
        hasExpired = true;
        report({ type: "trust", what: "expired", detail: error.message });
      }
      if (!signal.aborted) report({ type: "sync", ok: false, error });
      throw error;
    }
  }

  /** One look for news, with everything that comes of it. What fails for one model does not stop the others. */
  async function takeNews(signal: AbortSignal): Promise<boolean> {
    for (const keeper of keepers.values()) keeper.retry();
    const news = await trust.poll({ signal });
    if (news.pinned !== undefined) report({ type: "trust", what: "pinned", detail: news.pinned });
    if (news.trustReset) report({ type: "trust", what: "reset", detail: `The root of ${server} is another one than before; what the old one said is dropped, and held versions go on until the new one names some.` });
    if (hasExpired) report({ type: "trust", what: "fresh", detail: `The metadata of ${server} is valid again.` });
    hasExpired = false;
    const listed = new Map((await trust.list("serving/", { signal })).map((target) => [target.path.slice("serving/".length, -".json".length), target]));
    for (const name of wantedModels(listed.keys())) keeperOf(name);
    manager.complete();
    const faults: unknown[] = [];
    const attempt = async (work: () => Promise<unknown>): Promise<void> => {
      try {
        await work();
      } catch (thrown) {
        signal.throwIfAborted();
        faults.push(thrown);
      }
    };
    // What is blocked or lowered counts for all models before the first byte of a new version is fetched.
    for (const keeper of keepers.values()) {
      await attempt(async () => {
        await keeper.refresh(listed.get(keeper.name), { signal });
        keeper.apply();
      });
    }
    for (const keeper of keepers.values()) await attempt(() => keeper.fetchMissing({ signal }));
    await evict({ spare: true, signal });
    if (faults.length > 0) throw asAshoreError(faults[0]);
    return news.changed;
  }

  function wantedModels(listed: Iterable<string>): readonly ModelName[] {
    return models === "all" ? [...listed].filter(isModelName) : models;
  }

  async function recall(signal: AbortSignal): Promise<void> {
    let trusted = false;
    try {
      trusted = (await trust.load({ signal })) !== undefined;
    } catch (thrown) {
      problem(thrown);
    }
    const stored = Object.keys(journal.current().models).filter(isModelName);
    for (const name of models === "all" ? stored : models) keeperOf(name);
    if (models !== "all" || (trusted && stored.length > 0)) manager.complete();
    for (const keeper of keepers.values()) {
      await keeper.recall(trusted, { signal }).catch(problem);
      signal.throwIfAborted();
      keeper.apply();
    }
  }

  return {
    handle: rest.handle,
    predict: (request, signal) => predict(manager, request, signal),
    models: () => manager.names().map((name) => ({ name, versions: manager.status(name) ?? [] })),
    status: (model) => manager.status(model),
    settled: (signal) => manager.settled(signal),
    sync: (signal) => poller.run(signal),
    watch: (listener) => {
      const own = (event: RuntimeEvent): void => listener(event);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    start: async ({ signal } = {}) => {
      const either = signal === undefined ? poller.signal : AbortSignal.any([signal, poller.signal]);
      try {
        await recall(either);
        await manager.settled({ signal: either });
        const first = poller.run({ signal: either }).catch(() => undefined).finally(() => poller.start());
        if (manager.names().some((name) => manager.latest(name) !== undefined)) return;
        await first;
        await manager.settled({ signal: either });
        either.throwIfAborted();
      } catch (thrown) {
        throw asAshoreError(thrown);
      }
    },
    close: async ({ drainMs = LIMITS.drainMs } = {}) => {
      await poller.close();
      const cutOff = new AbortController();
      const drained = new AbortController();
      void clock.sleep(drainMs, { signal: drained.signal }).then(() => cutOff.abort(), () => undefined);
      await manager.close(cutOff.signal);
      drained.abort();
      rest.close();
      await engine.close();
    },
  };
}

function damaged(what: string): AshoreError {
  return new AshoreError("DIGEST_MISMATCH", `${what} are gone or damaged in this device's store; they are fetched again.`);
}
