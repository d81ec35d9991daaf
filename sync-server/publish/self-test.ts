import { DTYPES } from "../../protocol/dtype.ts";
import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Backend, SelfTest, SignatureDef } from "../../protocol/manifest.ts";
import { selfTestInputs } from "../../protocol/self-test.ts";
import type { NamedTensors } from "../../protocol/tensor.ts";
import type { Clock, EngineHost, HostedModel, ModelBytes, WithSignal } from "../ports.ts";
import { expectedOutput, holdsNaN } from "./expected-output.ts";
import { guessShapes } from "./guess-shapes.ts";

/** One seed for all: a self-test is as deterministic as the model. */
const SEED = 42;
/** The share by which a perturbed input's floats differ: far below what a model should notice. */
const PERTURBATION = 1e-5;
/** A model that takes longer on wasm is not run on cpu, which is an order of magnitude slower. */
const CPU_WORTH_MS = 2_000;

export interface SelfTestOptions extends WithSignal {
  /** Publish a model that answers NaN to finite inputs. Default false. */
  readonly allowNonFinite?: boolean | undefined;
}

export interface PublishedSelfTest {
  /** Null where no input was found that the model takes. */
  readonly selfTest: SelfTest | null;
  /** What people should know about it, one sentence each. */
  readonly notes: readonly string[];
}

/** What one backend computed: from the input, and from the slightly perturbed one. */
interface Run {
  readonly backend: Backend;
  readonly ms: number;
  readonly outputs: NamedTensors;
  readonly perturbed: NamedTensors;
}

/**
 * Runs a model as devices will, and writes down what they should get (DESIGN section 5): outputs on which the backends, and
 * an input and its slight perturbation, agree are kept as samples; of the others only the shape, where that is stable, and
 * whether they are finite. The engine takes copies of the bytes.
 * @throws SELF_TEST_FAILED for NaN (unless allowed), MODEL_MALFORMED, MODEL_UNSUPPORTED_OP where no backend loads it, CANCELLED
 */
export async function makeSelfTest(model: ModelBytes, signatureDef: SignatureDef, engine: EngineHost, clock: Clock, options: SelfTestOptions = {}): Promise<PublishedSelfTest> {
  const notes: string[] = [];
  const [first, ...others] = (["wasm", "cpu"] as const).filter((backend) => engine.backends.includes(backend));
  if (first === undefined) return { selfTest: null, notes: ["There is no self-test: this machine's engine has neither wasm nor cpu."] };
  const found = await findInputs(model, signatureDef, first, engine, clock, options).catch(async (thrown: unknown) => {
    // A model with an op that wasm lacks still runs on cpu.
    const [next] = others.splice(0, 1);
    if (next === undefined || asAshoreError(thrown).code === "CANCELLED") throw thrown;
    notes.push(`It does not run on ${first}: ${asAshoreError(thrown).message}`);
    return findInputs(model, signatureDef, next, engine, clock, options);
  });
  if (found.run === undefined) {
    return { selfTest: null, notes: [...notes, `There is no self-test: no input was found that the model takes (${found.reason}).`] };
  }
  const runs = [found.run];
  for (const backend of others) {
    if (found.run.ms > CPU_WORTH_MS) {
      notes.push(`Its numbers were not compared with ${backend}: one run took ${Math.round(found.run.ms)} ms on ${found.run.backend}.`);
      continue;
    }
    try {
      runs.push(await withModel(model, backend, engine, options, (hosted) => runOnce(hosted, signatureDef, found.inputs, clock, options)));
    } catch (thrown) {
      const error = asAshoreError(thrown);
      if (error.code === "CANCELLED") throw error;
      notes.push(`It does not run on ${backend}: ${error.message}`);
    }
  }
  return summarise(signatureDef, found.inputs, runs, notes, options.allowNonFinite ?? false);
}

function summarise(signatureDef: SignatureDef, inputs: SelfTest["inputs"], runs: readonly Run[], notes: readonly string[], allowNonFinite: boolean): PublishedSelfTest {
  const outputs: SelfTest["outputs"] = {};
  const unsampled: string[] = [];
  for (const key of Object.keys(signatureDef.outputs).sort()) {
    const seen = runs.flatMap((run) => [run.outputs[key], run.perturbed[key]]).filter((tensor) => tensor !== undefined);
    if (!allowNonFinite && seen.some(holdsNaN)) {
      throw new AshoreError("SELF_TEST_FAILED", `The output ${JSON.stringify(key)} has NaN for a finite input: the weights are damaged, or the model was trained to nothing. Publish it with --allow_non_finite if that is as it should be.`);
    }
    const expected = expectedOutput(seen);
    if (expected === undefined) continue;
    outputs[key] = expected;
    if (expected.samples.length === 0) unsampled.push(key);
  }
  const total = Object.keys(outputs).length;
  const said = unsampled.length === 0 ? [] : [`${total - unsampled.length} of ${total} outputs are compared by value; of ${unsampled.join(", ")} only what is stable between backends.`];
  return { selfTest: { signatureDef: "serving_default", seed: SEED, inputs, outputs }, notes: [...notes, ...said] };
}

type Found = { readonly run: Run; readonly inputs: SelfTest["inputs"] } | { readonly run: undefined; readonly reason: string };

/** The first guess at the unknown sizes with which the model runs, preferring one that gives no NaN. */
async function findInputs(model: ModelBytes, signatureDef: SignatureDef, backend: Backend, engine: EngineHost, clock: Clock, options: SelfTestOptions): Promise<Found> {
  if (Object.values(signatureDef.inputs).some(({ dtype }) => DTYPES[dtype].engine === null || DTYPES[dtype].engine === "complex64")) {
    return { run: undefined, reason: "an input's dtype has no seeded values" };
  }
  return withModel(model, backend, engine, options, async (hosted) => {
    let best: Found | undefined;
    let reason = "";
    for (const inputs of guessShapes(signatureDef)) {
      try {
        const run = await runOnce(hosted, signatureDef, inputs, clock, options);
        best ??= { run, inputs };
        if (!Object.values(run.outputs).some(holdsNaN)) return { run, inputs };
      } catch (thrown) {
        const error = asAshoreError(thrown);
        if (error.code === "CANCELLED" || error.code === "ENGINE_CRASHED") throw error;
        reason ||= error.message;
        if (error.code === "DEADLINE_EXCEEDED") break;
      }
    }
    return best ?? { run: undefined, reason };
  });
}

async function withModel<T>(model: ModelBytes, backend: Backend, engine: EngineHost, { signal }: WithSignal, use: (hosted: HostedModel) => Promise<T>): Promise<T> {
  const copy: ModelBytes = { graph: model.graph.slice(), index: model.index.slice(), shards: model.shards.map((shard) => shard.slice()) };
  const hosted = await engine.load(copy, { backend, signal });
  try {
    return await use(hosted);
  } finally {
    await hosted.close();
  }
}

async function runOnce(hosted: HostedModel, signatureDef: SignatureDef, inputs: SelfTest["inputs"], clock: Clock, { signal }: WithSignal): Promise<Run> {
  const fetches = [...new Set(Object.values(signatureDef.outputs).map(({ name }) => name))];
  const run = async (perturb: number): Promise<NamedTensors> => {
    const byKey = selfTestInputs({ seed: SEED, inputs }, signatureDef, perturb);
    const feeds = Object.fromEntries(Object.entries(byKey).map(([key, tensor]) => [signatureDef.inputs[key]?.name ?? key, tensor]));
    const timeout = AbortSignal.timeout(LIMITS.firstInferenceMs);
    const answers = await hosted.run(feeds, fetches, { signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]) });
    return Object.fromEntries(Object.entries(signatureDef.outputs).flatMap(([key, { name }]) => (answers[name] === undefined ? [] : [[key, answers[name]]])));
  };
  const outputs = await run(0);
  // The first run compiles and allocates; the second is what a run costs.
  const start = clock.now();
  const perturbed = await run(PERTURBATION);
  return { backend: hosted.backend, ms: clock.now() - start, outputs, perturbed };
}
