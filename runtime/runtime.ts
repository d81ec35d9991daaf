import { digestOfHex, type Digest } from "../protocol/digest.ts";
import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { ModelName, Version } from "../protocol/names.ts";
import { MetadataExpiredError } from "../protocol/tuf/index.ts";
import { chooseVariant, createImprover, createLoader, DeviceModels, EarlyLoads, Manager, withCutOff, type LoaderPorts, type Wanted } from "./activate/index.ts";
import { Poller } from "./poller.ts";
import type { HeldVersion, InferenceTimes, Ports } from "./ports.ts";
import { computeAlone, createRestCore, execute, predict, signatureOf } from "./predict/index.ts";
import { createReporting } from "./reporting.ts";
import type { Runtime, RuntimeOptions } from "./runtime-api.ts";
import { createJournalKeeper, freshBlobs, journalOf, layeredBlobs, listStoredModels, markProved, markTimes, memoryBlobs, readManifest, readVariant, resetTrust, verifiedBlobs } from "./store/index.ts";
import { createVersionFetcher, type VersionRequest } from "./sync/index.ts";
import { createTrust } from "./trust/index.ts";

/**
 * A runtime: takes versions in, proves them, keeps them, rolls from one to the next, and answers. Opens the journal.
 * @throws STORE_FAILED
 */
export async function createRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { server, polling = "own" } = options;
  const { report, watch } = createReporting(options.ports.report);
  const ports: Ports = { ...options.ports, report };
  const { clock, random, engine } = ports;
  const problem = (thrown: unknown): void => report({ type: "problem", error: asAshoreError(thrown) });

  const layered = layeredBlobs(ports.blobs, memoryBlobs(), { report, makeRoom: () => device.evict({ spare: false }) });
  const blobs = freshBlobs(verifiedBlobs(layered, { report }));
  /** While the journal is opened nobody knows yet what could make room. */
  let sweep = async (): Promise<void> => undefined;
  const journal = await createJournalKeeper(ports.journal, random, { report, makeRoom: () => sweep() });
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
    commit,
  });

  const loader: LoaderPorts = {
    engine,
    clock,
    report,
    warmUp: options.warmUp ?? "always",
    replay: {
      iterations: options.warmUpIterations ?? 1,
      infer: (servable, name, inputs, how) => execute(batching ?? computeAlone, servable, signatureOf(servable.manifest, name), inputs, how),
      onWarmedUp: (warmed) => options.metrics?.warmedUp?.(warmed),
    },
    readManifest: async (digest, signal) => {
      const manifest = await readManifest(blobs, { sha256: digest.slice("sha256:".length), length: 0 }, signal);
      if (manifest === undefined) throw damaged("Its manifest is");
      return manifest;
    },
    readAsset: async ({ digest }, signal) => {
      const bytes = await blobs.get(digest, signal);
      if (bytes === undefined) throw damaged("Its assets are");
      return bytes;
    },
    readVariant: async (variant, signal) => {
      const read = await readVariant(blobs, variant, signal);
      if (!read.whole) throw damaged(`${read.missing.length} of its blobs are`);
      return read.bytes;
    },
    known,
    timed: (servable, ms) => void remember(servable, { [servable.backend]: ms }),
  };
  const early = new EarlyLoads(createLoader(loader));
  const manager = new Manager({
    clock,
    policy: options.policy,
    report: (event) => {
      if (event.type === "state" && event.status.state === "AVAILABLE") onAvailable(event.model, event.status.version, event.backend);
      report(event);
    },
    load: early.load,
    beforeLatest: async (model, version) => {
      // A disk that takes no more writes must not stop the answers; it is told, and a restart may then know less.
      await device.keeper(model)?.serving(version).catch(problem);
    },
    onFailed: (model, wanted, error) => void device.keeper(model)?.failed(wanted, error).catch(problem),
  });
  const batching = options.batching?.(clock);
  const rest = createRestCore({ manager, clock, timeoutMs: options.timeoutMs, cors: options.cors, ...options.dialect, metrics: options.metrics, prepareImage: ports.prepareImage, batching });
  const poller = new Poller({ clock, random, cycle, pollSeconds });
  const improver = createImprover({ manager, loader, remember, closing: poller.signal });
  const device = new DeviceModels(options.models ?? "all", {
    clock,
    random,
    report,
    trust,
    journal,
    blobs,
    fetcher,
    manager,
    early,
    engine,
    closing: poller.signal,
    syncSoon: () => poller.wake(),
  });
  sweep = () => device.sweep();

  let isStarted = false;
  let expiredSince: number | undefined;
  let syncedAt: number | undefined;

  function pollSeconds(): number {
    return options.pollSeconds ?? device.pollSeconds;
  }

  function known(model: ModelName, { version, digest }: Wanted): HeldVersion | undefined {
    return journalOf(journal.current(), model).held.find((one) => one.version === version && digestOfHex(one.manifest.sha256) === digest);
  }

  async function remember({ model, version, digest }: Wanted & { readonly model: ModelName }, times: InferenceTimes): Promise<void> {
    await journal.update((now) => markTimes(now, model, version, digest, times)).catch(problem);
  }

  async function commit({ model, version, manifest }: VersionRequest, digests: readonly Digest[]): Promise<{ readonly persisted: boolean }> {
    // What is removed while its last blob comes in must not come back by that.
    const signal = device.keeper(model)?.removed ?? AbortSignal.abort();
    return await journal.commit(model, version, manifest, { persisted: await layered.persisted(digests), signal });
  }

  async function distrust(): Promise<void> {
    // Said before anything is dropped: a look that fails after that, or a power cut, must not have it happen in silence.
    report({ type: "trust", what: "reset", detail: `The root of ${server} is another one than before; what the old one said is dropped, and held versions go on until the new one names some.` });
    await journal.update(resetTrust);
    for (const keeper of device.keepers) keeper.distrust();
  }

  function onAvailable(model: ModelName, version: Version, backend: Backend | undefined): void {
    device.keeper(model)?.available(version);
    if (backend !== undefined) void journal.update((now) => markProved(now, model, version, backend)).catch(problem);
  }

  async function cycle(signal: AbortSignal): Promise<void> {
    try {
      const changed = await takeNews(signal);
      syncedAt = clock.now();
      report({ type: "sync", ok: true, changed });
    } catch (thrown) {
      const error = asAshoreError(thrown);
      if (error instanceof MetadataExpiredError && expiredSince === undefined) {
        expiredSince = error.since;
        report({ type: "trust", what: "expired", detail: error.message, since: error.since });
      }
      if (!signal.aborted) report({ type: "sync", ok: false, error });
      throw error;
    } finally {
      // What a look brought and nobody loads is not kept in memory.
      void manager.settled({ signal }).then(blobs.forget, blobs.forget);
    }
  }

  /** One look for news, with everything that comes of it. */
  async function takeNews(signal: AbortSignal): Promise<boolean> {
    for (const keeper of device.keepers) keeper.retry();
    const news = await trust.poll({ signal });
    if (news.pinned !== undefined) report({ type: "trust", what: "pinned", detail: news.pinned });
    if (expiredSince !== undefined) report({ type: "trust", what: "fresh", detail: `The metadata of ${server} is valid again.` });
    expiredSince = undefined;
    await device.takeNews({ signal });
    return news.changed;
  }

  /** Loads what is stored; what requests ask for meanwhile is waited for. */
  function recall(signal: AbortSignal): Promise<void> {
    return manager.patiently(async () => {
      await device.recall({ signal });
      await manager.settled({ signal });
    });
  }

  /** A request that comes while it is not known yet what is stored waits until it is. */
  function afterRecall<T>(request: () => Promise<T>): Promise<T> {
    return device.recalling === undefined ? request() : device.recalling.then(request);
  }

  return {
    watch,
    handle: (request, how) => afterRecall(() => rest.handle(request, how)),
    predict: (request, how) => afterRecall(() => predict(manager, request, { ...how, prepareImage: ports.prepareImage, batching })),
    recalled: () => device.recalling ?? Promise.resolve(),
    models: () => manager.names().map((name) => ({ name, versions: manager.status(name) ?? [], latest: manager.latest(name), labels: manager.labels(name), expiredSince })),
    status: (model) => manager.status(model),
    settled: (how) => afterRecall(() => manager.settled(how)),
    sync: (how) => poller.run(how),
    syncing: () => poller.running,
    syncedAt: () => syncedAt,
    pollSeconds,
    want: (names) => {
      device.want(names);
      if (!isStarted) return;
      recall(poller.signal).catch((thrown: unknown) => {
        if (!poller.signal.aborted) problem(thrown);
      });
      poller.wake();
    },
    stored: (how) => listStoredModels(blobs, journal.current(), how),
    remove: (model, how) => device.remove(model, how),
    improve: (how) => improver.improve(how),
    start: async ({ signal } = {}) => {
      const either = signal === undefined ? poller.signal : AbortSignal.any([signal, poller.signal]);
      isStarted = true;
      try {
        device.prepare();
        await recall(either);
        if (polling === "host") return;
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
      await improver.ended();
      await withCutOff(clock, drainMs, (cutOff) => manager.close(cutOff));
      rest.close();
      await engine.close();
    },
  };
}

function damaged(what: string): AshoreError {
  return new AshoreError("DIGEST_MISMATCH", `${what} gone or damaged in this device's store; they are fetched again.`);
}
