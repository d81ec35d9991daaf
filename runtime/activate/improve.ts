import type { Digest } from "../../protocol/digest.ts";
import { asAshoreError } from "../../protocol/errors.ts";
import type { Backend } from "../../protocol/manifest.ts";
import type { ModelName } from "../../protocol/names.ts";
import type { HostedModel, InferenceTimes, WithSignal } from "../ports.ts";
import { singleFlight } from "../sync/index.ts";
import { chooseVariant } from "./choose-variant.ts";
import { closeQuietly, loadOn, type LoaderPorts } from "./load-on.ts";
import type { Loaded } from "./loaded.ts";
import { asVerdict } from "./loader.ts";
import type { Manager } from "./manager.ts";
import { runSample, sampleInference, type SampleInference } from "./sample-inference.ts";
import type { Servable } from "./servable.ts";
import { isVerdict } from "./verdict.ts";

export interface ImproverPorts {
  readonly manager: Manager;
  readonly loader: LoaderPorts;
  /** Keeps what was measured (null: tried, and unfit). Does not reject. */
  readonly remember: (servable: Servable, times: InferenceTimes) => Promise<void>;
  /** Aborted when the runtime is closed. */
  readonly closing: AbortSignal;
}

export interface Improver {
  /**
   * Looks, for each model's latest version, for a better place and a faster backend, one after the other, and puts it under the
   * version while that goes on answering. What fails is told as a problem, and what answered before goes on. One improvement at a
   * time, shared by all who ask.
   * @throws CANCELLED
   */
  improve(options?: WithSignal): Promise<void>;
  /** Resolves when none is under way. */
  ended(): Promise<void>;
}

/** Inferences on each side of a comparison, at most. */
const RUNS = 3;
/** A backend takes over where it needs at most this share of the time: less is noise. */
const GAIN = 0.9;
/** More than this apart, one inference on each side says enough. */
const CLEAR = 2;

export function createImprover({ manager, loader, remember, closing }: ImproverPorts): Improver {
  const { engine, clock, report } = loader;
  /** Nobody waits for what is loaded here, and who follows a version's progress would take it for the version's own. */
  const quietly: LoaderPorts = { ...loader, report: (event) => (event.type === "progress" ? undefined : report(event)) };
  const flights = singleFlight<"improve", void>();
  let last: Promise<unknown> = Promise.resolve();
  /** Backends that had no say on a version (missing, no memory): not tried again by this process. */
  const passed = new Map<Digest, Set<Backend>>();

  async function improveAll(signal: AbortSignal): Promise<void> {
    for (const model of manager.names()) {
      await attempt(model, signal, move);
      for (const backend of engine.backends) await attempt(model, signal, (loaded, until) => tryBackend(loaded, backend, until));
    }
  }

  /** One step for what answers now; ends quietly where that is unloaded, replaced or lost meanwhile. */
  async function attempt(model: ModelName, signal: AbortSignal, step: (loaded: Loaded, until: AbortSignal) => Promise<void>): Promise<void> {
    signal.throwIfAborted();
    const loaded = manager.latestLoaded(model);
    if (loaded === undefined) return;
    try {
      await step(loaded, AbortSignal.any([signal, loaded.gone]));
    } catch (thrown) {
      signal.throwIfAborted();
      const error = asAshoreError(thrown);
      // That a device lacks a backend is no problem while another answers.
      if (!loaded.gone.aborted && error.code !== "BACKEND_UNAVAILABLE") report({ type: "problem", model, version: loaded.servable.version, error });
    }
  }

  /** The same backend in a better place, where the host has one now. */
  async function move(loaded: Loaded, signal: AbortSignal): Promise<void> {
    const { servable } = loaded;
    if (engine.wouldMove === undefined) return;
    const inferenceMs = await timeOf(loaded, signal);
    if (inferenceMs === undefined || !engine.wouldMove(servable.hosted, inferenceMs)) return;
    await take(servable, await load(servable, servable.backend, "warm-up", inferenceMs, signal));
  }

  /** A backend that was not tried yet: it must compute what was published, and be faster than the one that answers. */
  async function tryBackend(loaded: Loaded, backend: Backend, signal: AbortSignal): Promise<void> {
    const { servable } = loaded;
    const sample = isWorthTrying(servable, backend) ? sampleInference(servable.manifest) : undefined;
    // Without a self-test nothing says that another backend computes the same.
    if (sample === undefined || sample.isMadeUp) return;
    // A heavy model is heavy on another backend too, as far as anybody knows.
    const candidate = await blaming(servable, backend, signal, () => load(servable, backend, "self-test", knownTime(servable), signal));
    let isFaster = false;
    try {
      const [before, after] = await compare(loaded, candidate, sample, signal);
      await remember(servable, { [servable.backend]: before, [backend]: after });
      isFaster = after < before * GAIN;
    } finally {
      if (!isFaster) await closeQuietly(candidate.hosted);
    }
    if (isFaster) await take(servable, candidate);
  }

  /** What fails here is the backend's fault, and it is not tried again. */
  async function blaming<T>(servable: Servable, backend: Backend, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      signal.throwIfAborted();
      if (isVerdict(asVerdict(asAshoreError(thrown)))) await remember(servable, { [backend]: null });
      else passedOf(servable).add(backend);
      throw thrown;
    }
  }

  function isWorthTrying(servable: Servable, backend: Backend): boolean {
    if (backend === servable.backend || backend === "cpu" || passedOf(servable).has(backend)) return false;
    const known = loader.known(servable.model, servable);
    // Without a record nothing could be remembered.
    if (known === undefined || known.inferenceMs?.[backend] !== undefined) return false;
    return chooseVariant(servable.manifest, engine.backends)?.backends.includes(backend) === true;
  }

  function passedOf({ digest }: Servable): Set<Backend> {
    const backends = passed.get(digest) ?? new Set();
    passed.set(digest, backends);
    return backends;
  }

  async function load({ model, version, digest, manifest }: Servable, backend: Backend, prove: "self-test" | "warm-up", inferenceMs: number | undefined, signal: AbortSignal): Promise<Servable> {
    // What answers now was loaded, so there is a variant.
    const { variant } = chooseVariant(manifest, engine.backends)!;
    return await loadOn(quietly, { model, wanted: { version, digest }, manifest, variant, backend, prove, inferenceMs, signal });
  }

  /** Puts `after` under the version, or closes it where the version went another way meanwhile. */
  async function take(before: Servable, after: Servable): Promise<void> {
    if (!manager.replace(before, after)) await closeQuietly(after.hosted);
  }

  function knownTime(servable: Servable): number | undefined {
    return servable.time.ms ?? loader.known(servable.model, servable)?.inferenceMs?.[servable.backend] ?? undefined;
  }

  /** What one inference takes, as requests showed, or as is measured now; undefined where no inference can be made without one. */
  async function timeOf(loaded: Loaded, signal: AbortSignal): Promise<number | undefined> {
    const { servable } = loaded;
    const known = knownTime(servable);
    const sample = known === undefined ? sampleInference(servable.manifest) : undefined;
    if (sample === undefined) return known;
    await held(loaded, () => runSample(sample, servable.hosted, { signal }));
    const ms = await held(loaded, () => timed(sample, servable.hosted, signal));
    await remember(servable, { [servable.backend]: ms });
    return ms;
  }

  /** The least of a few hot inferences on each side, in turns, so that whatever else the device does strikes both. */
  async function compare(loaded: Loaded, candidate: Servable, sample: SampleInference, signal: AbortSignal): Promise<readonly [number, number]> {
    const { servable } = loaded;
    const served = servable.hosted;
    if (servable.time.ms === undefined) await held(loaded, () => runSample(sample, served, { signal }));
    let before = Infinity;
    let after = Infinity;
    for (let run = 0; run < RUNS; run++) {
      before = Math.min(before, await held(loaded, () => timed(sample, served, signal)));
      after = Math.min(after, await blaming(servable, candidate.backend, signal, () => timed(sample, candidate.hosted, signal)));
      if (before > after * CLEAR || after > before * CLEAR) break;
    }
    return [before, after];
  }

  async function timed(sample: SampleInference, hosted: HostedModel, signal: AbortSignal): Promise<number> {
    const began = clock.now();
    await runSample(sample, hosted, { signal });
    return Math.max(0, clock.now() - began);
  }

  return {
    improve: async (options = {}) => {
      const begin = (signal: AbortSignal): Promise<void> => {
        const work = improveAll(AbortSignal.any([signal, closing]));
        last = work.catch(() => undefined);
        return work;
      };
      try {
        await flights.run("improve", begin, options);
      } catch (thrown) {
        throw asAshoreError(thrown, "CANCELLED");
      }
    },
    ended: async () => void (await last),
  };
}

/** Runs what must not have its engine closed under it. */
async function held<T>(loaded: Loaded, work: () => Promise<T>): Promise<T> {
  const handle = loaded.hold();
  try {
    return await work();
  } finally {
    handle.release();
  }
}
