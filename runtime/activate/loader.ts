import { asAshoreError, AshoreError } from "../../protocol/errors.ts";
import type { Backend } from "../../protocol/manifest.ts";
import type { ModelName } from "../../protocol/names.ts";
import type { InferenceTimes } from "../ports.ts";
import { chooseVariant } from "./choose-variant.ts";
import { loadOn, type LoaderPorts } from "./load-on.ts";
import type { Load, Wanted } from "./servable.ts";
import { isBackendFault, isVerdict } from "./verdict.ts";

/**
 * Loads a version: its bytes are hashed, the model is built on the first of the host's backends that computes what the
 * publisher's machine did, and one inference runs before it is handed over. Wrong numbers, a dead engine, no memory: the next
 * backend. (Those that may be faster are tried when idle: `improve.ts`.)
 */
export function createLoader(ports: LoaderPorts): Load {
  return async (model, wanted, { signal, avoid }) => {
    const manifest = await ports.readManifest(wanted.digest, { signal });
    const choice = chooseVariant(manifest, ports.engine.backends);
    if (choice === undefined) {
      throw new AshoreError("BACKEND_UNAVAILABLE", `No variant of ${model} version ${wanted.version} runs on the backends of this host (${ports.engine.backends.join(", ") || "none"}); publish one that does.`);
    }
    const { proved, inferenceMs = {} } = ports.known(model, wanted) ?? {};
    const backends = inOrder(choice.backends, { proved, inferenceMs, avoid });
    const faults: AshoreError[] = [];
    for (const backend of backends) {
      const prove = backend !== proved ? "self-test" : ports.warmUp === "always" ? "warm-up" : "nothing";
      try {
        return await loadOn(ports, { model, wanted, manifest, variant: choice.variant, backend, prove, inferenceMs: inferenceMs[backend] ?? undefined, signal });
      } catch (thrown) {
        signal.throwIfAborted();
        const error = asAshoreError(thrown);
        if (!isBackendFault(error)) throw error;
        faults.push(error);
        if (faults.length < backends.length) ports.report({ type: "problem", model, version: wanted.version, error });
      }
    }
    throw verdict(model, wanted, faults);
  };
}

interface Experience {
  readonly proved: Backend | undefined;
  readonly inferenceMs: InferenceTimes;
  readonly avoid: Backend | undefined;
}

/** The one that it served on first, those that failed it here behind all others. */
function inOrder(backends: readonly Backend[], { proved, inferenceMs, avoid }: Experience): readonly Backend[] {
  const rank = (backend: Backend): number => (backend === avoid ? 3 : backend === proved ? 0 : inferenceMs[backend] === null ? 2 : 1);
  return backends.toSorted((a, b) => rank(a) - rank(b));
}

/** The one error of all backends' faults: no memory is no judgement of the version, and wrong numbers weigh more than a missing backend. */
function verdict(model: ModelName, { version }: Wanted, faults: readonly AshoreError[]): AshoreError {
  const [first] = faults;
  if (first !== undefined && faults.length === 1) return asVerdict(first);
  const worst = faults.find(({ code }) => code === "RESOURCE_EXHAUSTED") ?? faults.map(asVerdict).find(isVerdict) ?? first;
  const messages = faults.map(({ message }) => message).join(" ");
  return new AshoreError(worst?.code ?? "BACKEND_UNAVAILABLE", `${model} version ${version} runs on no backend of this device. ${messages}`, { cause: worst });
}

/** A model that cannot run its own self-test's input, or a warm-up record of its own, has failed. */
export function asVerdict(error: AshoreError): AshoreError {
  if (error.code !== "INVALID_ARGUMENT" && error.code !== "INTERNAL") return error;
  return new AshoreError("SELF_TEST_FAILED", error.message, { cause: error });
}
