import type { Digest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { Backend, Manifest, Variant } from "../../protocol/manifest.ts";
import type { ModelName } from "../../protocol/names.ts";
import type { Clock, EngineHost, HeldVersion, HostedModel, ModelBytes, ReportPort, WithSignal } from "../ports.ts";
import { InferenceTime } from "./inference-time.ts";
import { namedClasses } from "./named-classes.ts";
import { runSample, sampleInference } from "./sample-inference.ts";
import { runSelfTest } from "./self-test.ts";
import type { Servable, Wanted } from "./servable.ts";
import { warmUp, type ReadAsset, type WarmUpPorts } from "./warm-up.ts";

export interface LoaderPorts {
  readonly engine: EngineHost;
  readonly clock: Clock;
  /** The verified manifest of a digest. @throws DIGEST_MISMATCH where its bytes are gone or damaged */
  readonly readManifest: (digest: Digest, options: WithSignal) => Promise<Manifest>;
  /** A variant's bytes, every blob hashed; asked for anew for each try, as the engine takes them over. @throws DIGEST_MISMATCH */
  readonly readVariant: (variant: Variant, options: WithSignal) => Promise<ModelBytes>;
  readonly readAsset: ReadAsset;
  /** What this device knows of the version: where its self-test need not be repeated, and how long an inference takes. */
  readonly known: (model: ModelName, wanted: Wanted) => HeldVersion | undefined;
  /** Requests showed that an inference takes less time than was known. */
  readonly timed: (servable: Servable, ms: number) => void;
  /**
   * When a version makes inferences before it answers, besides its self-test: always, so that no request waits for the slow first
   * one; only where it was not proved here before, so that the first request need not wait for those of ours; or never.
   */
  readonly warmUp: "always" | "unproved" | "never";
  readonly replay: WarmUpPorts;
  readonly report: ReportPort;
}

export interface LoadOnRequest {
  readonly model: ModelName;
  readonly wanted: Wanted;
  readonly manifest: Manifest;
  readonly variant: Variant;
  readonly backend: Backend;
  /** What it has to do before it is handed over. A self-test's inference is a warm-up too, and the version's records follow both. */
  readonly prove: "self-test" | "warm-up" | "nothing";
  /** What one inference is thought to take. */
  readonly inferenceMs: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * A version as a servable on one backend; closed again where it fails.
 * @throws SELF_TEST_FAILED, BACKEND_UNAVAILABLE, and what reading, the engine and the warm-up's inferences throw
 */
export async function loadOn(ports: LoaderPorts, { model, wanted, manifest, variant, backend, prove, inferenceMs, signal }: LoadOnRequest): Promise<Servable> {
  const { version, digest } = wanted;
  const totalBytes = [variant.graph, variant.index, ...variant.shards].reduce((sum, { size }) => sum + size, 0);
  const tell = (phase: "load" | "self-test" | "warm-up"): void => ports.report({ type: "progress", model, version, phase, bytes: totalBytes, totalBytes });
  const options = { backend, signal, servable: { model, version, digest, variant: manifest.variants.indexOf(variant), inferenceMs } };
  tell("load");
  // What lives on was loaded of bytes that were verified then, and nobody but its host reaches it.
  const hosted = (await ports.engine.adopt?.(options)) ?? (await ports.engine.load(await ports.readVariant(variant, { signal }), options));
  try {
    if (hosted.backend !== backend) throw new AshoreError("BACKEND_UNAVAILABLE", `The engine gave ${hosted.backend} where ${backend} was asked for.`);
    const time = new InferenceTime(ports.clock, (ms) => ports.timed(servable, ms));
    const classes = await namedClasses(manifest, ports.readAsset, { signal });
    const servable: Servable = { model, version, digest, manifest, classes, backend, hosted, time };
    const { selfTest, warmup } = manifest;
    const isTested = prove === "self-test" && selfTest !== null;
    if (isTested) {
      tell("self-test");
      await runSelfTest(manifest, selfTest, hosted, { signal });
    }
    if (prove === "nothing" || ports.warmUp === "never" || (isTested && warmup.length === 0)) return servable;
    tell("warm-up");
    const sample = isTested ? undefined : sampleInference(manifest);
    if (sample !== undefined) await runSample(sample, hosted, { signal });
    if (warmup.length > 0) await warmUp(servable, ports, { signal });
    return servable;
  } catch (thrown) {
    await closeQuietly(hosted);
    throw thrown;
  }
}

/** Closes what is being given up for another reason, which is the one to report. */
export async function closeQuietly(hosted: HostedModel): Promise<void> {
  await hosted.close().catch(() => undefined);
}
