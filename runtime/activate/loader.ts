import type { Digest } from "../../protocol/digest.ts";
import { asAshoreError, AshoreError } from "../../protocol/errors.ts";
import type { Backend, Manifest, Variant } from "../../protocol/manifest.ts";
import type { ModelName } from "../../protocol/names.ts";
import type { EngineHost, HostedModel, ModelBytes, ReportPort, WithSignal } from "../ports.ts";
import { chooseVariant } from "./choose-variant.ts";
import { runSelfTest } from "./self-test.ts";
import type { Load, Servable, Wanted } from "./servable.ts";
import { isBackendFault, isVerdict } from "./verdict.ts";
import { warmUp } from "./warm-up.ts";

export interface LoaderPorts {
  readonly engine: EngineHost;
  /** The verified manifest of a digest. @throws DIGEST_MISMATCH where its bytes are gone or damaged */
  readonly readManifest: (digest: Digest, options: WithSignal) => Promise<Manifest>;
  /** A variant's bytes, every blob hashed; asked for anew for each try, as the engine takes them over. @throws DIGEST_MISMATCH */
  readonly readVariant: (variant: Variant, options: WithSignal) => Promise<ModelBytes>;
  /** The backend on which this device has served the version before: its self-test is not repeated there. */
  readonly proved: (model: ModelName, wanted: Wanted) => Backend | undefined;
  readonly report: ReportPort;
}

/**
 * Loads a version: its bytes are hashed, the model is built on the first of the host's backends that computes what the
 * publisher's machine did, and one inference runs before it is handed over. Wrong numbers or a dead engine: the next
 * backend. (Backends that may be faster are to be tried when idle, and take over by the same swap; `chooseVariant` gives the
 * list.)
 */
export function createLoader(ports: LoaderPorts): Load {
  return async (model, wanted, { signal }) => {
    const manifest = await ports.readManifest(wanted.digest, { signal });
    const choice = chooseVariant(manifest, ports.engine.backends);
    if (choice === undefined) {
      throw new AshoreError("BACKEND_UNAVAILABLE", `No variant of ${model} version ${wanted.version} runs on the backends of this host (${ports.engine.backends.join(", ") || "none"}); publish one that does.`);
    }
    const { variant } = choice;
    const proved = ports.proved(model, wanted);
    const backends = proved !== undefined && choice.backends.includes(proved) ? [proved, ...choice.backends.filter((other) => other !== proved)] : choice.backends;
    const faults: AshoreError[] = [];
    for (const backend of backends) {
      try {
        return await loadOn(backend, backend === proved);
      } catch (thrown) {
        signal.throwIfAborted();
        const error = asAshoreError(thrown);
        if (!isBackendFault(error)) throw error;
        faults.push(error);
        if (faults.length < backends.length) ports.report({ type: "problem", model, version: wanted.version, error });
      }
    }
    throw verdict(model, wanted, faults);

    async function loadOn(backend: Backend, skipSelfTest: boolean): Promise<Servable> {
      const bytes = await ports.readVariant(variant, { signal });
      const totalBytes = bytes.graph.byteLength + bytes.index.byteLength + bytes.shards.reduce((sum, { byteLength }) => sum + byteLength, 0);
      const tell = (phase: "load" | "self-test" | "warm-up"): void => ports.report({ type: "progress", model, version: wanted.version, phase, bytes: totalBytes, totalBytes });
      tell("load");
      const hosted = await ports.engine.load(bytes, { backend, signal });
      try {
        if (hosted.backend !== backend) throw new AshoreError("BACKEND_UNAVAILABLE", `The engine gave ${hosted.backend} where ${backend} was asked for.`);
        if (skipSelfTest || manifest.selfTest === null) {
          tell("warm-up");
          await warmUp(manifest, hosted, { signal });
        } else {
          // Its inference is the warm-up too.
          tell("self-test");
          await runSelfTest(manifest, manifest.selfTest, hosted, { signal });
        }
        return { model, version: wanted.version, digest: wanted.digest, manifest, backend, hosted };
      } catch (thrown) {
        await closeQuietly(hosted);
        throw thrown;
      }
    }
  };
}

/** The one error of all backends' faults: wrong numbers weigh more than a missing backend. */
function verdict(model: ModelName, { version }: Wanted, faults: readonly AshoreError[]): AshoreError {
  const [first] = faults;
  if (first !== undefined && faults.length === 1) return asVerdict(first);
  const worst = faults.map(asVerdict).find(isVerdict) ?? first;
  const messages = faults.map(({ message }) => message).join(" ");
  return new AshoreError(worst?.code ?? "BACKEND_UNAVAILABLE", `${model} version ${version} runs on no backend of this device. ${messages}`, { cause: worst });
}

/** A model that cannot run its own self-test's input has failed it. */
function asVerdict(error: AshoreError): AshoreError {
  if (error.code !== "INVALID_ARGUMENT" && error.code !== "INTERNAL") return error;
  return new AshoreError("SELF_TEST_FAILED", error.message, { cause: error });
}

async function closeQuietly(hosted: HostedModel): Promise<void> {
  // It is being given up for another reason, which is the one to report.
  await hosted.close().catch(() => undefined);
}
