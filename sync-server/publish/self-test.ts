import { DTYPES } from "../../protocol/dtype.ts";
import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import { graphInputs } from "../../protocol/graph-inputs.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Backend, SelfTest, SignatureDef } from "../../protocol/manifest.ts";
import { selfTestInputs } from "../../protocol/self-test.ts";
import type { NamedTensors } from "../../protocol/tensor.ts";
import type { Clock, EngineHost, HostedModel, ModelBytes, WithSignal } from "../ports.ts";
import { expectedOutput, holdsNaN } from "./expected-output.ts";
import { guessShapes } from "./guess-shapes.ts";

/** One seed for all: a self-test is as deterministic as the model. */
const SEED = 42;
/** The share by which a perturbed input's floats differ: some ten rounding steps, as much as another order of additions brings. */
const PERTURBATION = 1e-6;
/** A model that takes longer on its first backend is not run on cpu too, which is an order of magnitude slower. */
const CPU_WORTH_MS = 2_000;

export interface SelfTestOptions extends WithSignal {
  /** The backends that the model can run on at all. Default: every one. */
  readonly backends?: readonly Backend[] | undefined;
  /** Publish a model that answers NaN to finite inputs. Default false. */
  readonly allowNonFinite?: boolean | undefined;
}

export interface PublishedSelfTest {
  /** Null where no input was found that the model takes. */
  readonly selfTest: SelfTest | null;
  /** What people should know about it, one sentence each. */
  readonly notes: readonly string[];
}

/** A signature def and its name. */
type NamedSignatureDef = readonly [name: string, def: SignatureDef];

/** A model, loaded, and how it is asked. */
interface Subject {
  readonly hosted: HostedModel;
  readonly signatureDef: SignatureDef;
  readonly signal: AbortSignal | undefined;
}

/** An input that the model takes, and what the first backend makes of it and of its slight perturbation. */
interface Found {
  readonly backend: Backend;
  readonly inputs: SelfTest["inputs"];
  readonly answers: readonly NamedTensors[];
  /** What one run costs once the model is warm. */
  readonly ms: number;
}

/**
 * Runs a model as devices will, by its signature def serving_default or else the first that runs, and writes down what they
 * should get (DESIGN section 5): outputs on which the backends, and an input and its slight perturbation, agree on are kept as
 * samples; of the others only the shape, where that is stable, and whether they are finite. The engine takes copies of the bytes.
 * @throws SELF_TEST_FAILED for NaN (unless allowed), MODEL_MALFORMED, MODEL_UNSUPPORTED_OP where no backend loads it, CANCELLED
 */
export async function makeSelfTest(model: ModelBytes, signatureDefs: Readonly<Record<string, SignatureDef>>, engine: EngineHost, clock: Clock, options: SelfTestOptions = {}): Promise<PublishedSelfTest> {
  const names = Object.keys(signatureDefs).sort((a, b) => Number(b === DEFAULT) - Number(a === DEFAULT));
  let first: PublishedSelfTest | undefined;
  for (const name of names) {
    const def = signatureDefs[name];
    if (def === undefined) continue;
    const made = await makeOne(model, [name, def], engine, clock, options);
    if (made.selfTest !== null) return made;
    first ??= made;
  }
  return first ?? { selfTest: null, notes: ["There is no self-test: the model has no signature def."] };
}

/** The signature def that is tried first. */
const DEFAULT = "serving_default";

async function makeOne(model: ModelBytes, named: NamedSignatureDef, engine: EngineHost, clock: Clock, options: SelfTestOptions): Promise<PublishedSelfTest> {
  const [, signatureDef] = named;
  const { signal, allowNonFinite = false, backends: possible } = options;
  const notes: string[] = [];
  const backends = possibleBackends(engine, possible);
  const on = <T>(backend: Backend, use: (subject: Subject) => Promise<T>): Promise<T> => withModel(model, backend, engine, signal, (hosted) => use({ hosted, signatureDef, signal }));

  const found = await firstThatRuns(backends, notes, (backend) => on(backend, (subject) => findInputs(subject, clock)));
  if ("reason" in found) return { selfTest: null, notes: [...notes, `There is no self-test: ${found.reason}.`] };
  const answers = [...found.answers];
  for (const backend of backends.slice(backends.indexOf(found.backend) + 1)) {
    if (found.ms > CPU_WORTH_MS) {
      notes.push(`Its numbers were not compared with ${backend}: one run took ${Math.round(found.ms)} ms on ${found.backend}.`);
      continue;
    }
    try {
      answers.push(await on(backend, (subject) => ask(subject, found.inputs)));
    } catch (thrown) {
      notes.push(`It does not run on ${backend}: ${unlessCancelled(thrown).message}`);
    }
  }
  return summarise(named, found.inputs, answers, notes, allowNonFinite);
}

function summarise([name, signatureDef]: NamedSignatureDef, inputs: SelfTest["inputs"], answers: readonly NamedTensors[], notes: readonly string[], allowNonFinite: boolean): PublishedSelfTest {
  const outputs: SelfTest["outputs"] = {};
  const unsampled: string[] = [];
  for (const key of Object.keys(signatureDef.outputs).sort()) {
    const seen = answers.map((answer) => answer[key]).filter((tensor) => tensor !== undefined);
    if (!allowNonFinite && seen.some(holdsNaN)) {
      throw new AshoreError("SELF_TEST_FAILED", `The output ${JSON.stringify(key)} has NaN for a finite input: the weights are damaged, or the model was trained to nothing. Publish it with --allow_non_finite if that is as it should be.`);
    }
    const expected = expectedOutput(seen);
    if (expected === undefined) continue;
    outputs[key] = expected;
    if (expected.samples.length === 0) unsampled.push(key);
  }
  const total = Object.keys(outputs).length;
  const said = unsampled.length === 0 ? [] : [`${total - unsampled.length} of ${total} outputs are compared by value; of ${unsampled.join(", ")} only what is the same on every backend.`];
  return { selfTest: { signatureDef: name, seed: SEED, inputs, outputs }, notes: [...notes, ...said] };
}

/** The first backend's answer that is none of a failure: a model with an op that wasm lacks still runs on cpu. */
async function firstThatRuns<T>(backends: readonly Backend[], notes: string[], use: (backend: Backend) => Promise<T>): Promise<T | { readonly reason: string }> {
  for (const [place, backend] of backends.entries()) {
    try {
      return await use(backend);
    } catch (thrown) {
      const error = unlessCancelled(thrown);
      if (place === backends.length - 1) throw error;
      notes.push(`It does not run on ${backend}: ${error.message}`);
    }
  }
  return { reason: "this machine's engine has no backend that the model runs on" };
}

/** The first guess at the unknown sizes with which the model runs, preferring one that gives no NaN. */
async function findInputs(subject: Subject, clock: Clock): Promise<Found | { readonly reason: string }> {
  const { signatureDef, hosted } = subject;
  const odd = Object.entries(graphInputs(signatureDef)).find(([, { dtype }]) => DTYPES[dtype].engine === null || DTYPES[dtype].engine === "complex64");
  if (odd !== undefined) return { reason: `the input ${odd[0]} of dtype ${odd[1].dtype} has no seeded values` };
  let best: Found | undefined;
  let refusal: AshoreError | undefined;
  for (const inputs of guessShapes(signatureDef)) {
    try {
      const first = await ask(subject, inputs);
      // The first run compiles and allocates; the second is what a run costs.
      const start = clock.now();
      const perturbed = await ask(subject, inputs, PERTURBATION);
      const found = { backend: hosted.backend, inputs, answers: [first, perturbed], ms: clock.now() - start };
      if (!Object.values(first).some(holdsNaN)) return found;
      best ??= found;
    } catch (thrown) {
      const error = unlessCancelled(thrown);
      if (error.code === "ENGINE_CRASHED" || error.code === "MODEL_UNSUPPORTED_OP") throw error;
      refusal ??= error;
      if (error.code === "DEADLINE_EXCEEDED") break;
    }
  }
  return best ?? { reason: `no input was found that the model takes (${refusal?.message ?? "all would be too large"})` };
}

/** Those of this machine that a model can run on, best first. */
export function possibleBackends(engine: EngineHost, possible: readonly Backend[] | undefined): readonly Backend[] {
  return (["wasm", "cpu"] as const).filter((backend) => engine.backends.includes(backend) && possible?.includes(backend) !== false);
}

/** Loads a copy of the model for `use`, and closes it whatever happens. */
export async function withModel<T>(model: ModelBytes, backend: Backend, engine: EngineHost, signal: AbortSignal | undefined, use: (hosted: HostedModel) => Promise<T>): Promise<T> {
  const copy: ModelBytes = { graph: model.graph.slice(), index: model.index.slice(), shards: model.shards.map((shard) => shard.slice()) };
  const hosted = await engine.load(copy, { backend, signal });
  try {
    return await use(hosted);
  } finally {
    await hosted.close();
  }
}

/** The model's outputs, by key. */
async function ask({ hosted, signatureDef, signal }: Subject, inputs: SelfTest["inputs"], perturb = 0): Promise<NamedTensors> {
  const byKey = selfTestInputs({ seed: SEED, inputs }, signatureDef, perturb);
  const infos = graphInputs(signatureDef);
  const feeds = Object.fromEntries(Object.entries(byKey).map(([key, tensor]) => [infos[key]?.name ?? key, tensor]));
  const fetches = [...new Set(Object.values(signatureDef.outputs).map(({ name }) => name))];
  const timeout = AbortSignal.timeout(LIMITS.firstInferenceMs);
  const answers = await hosted.run(feeds, fetches, { signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]) });
  return Object.fromEntries(Object.entries(signatureDef.outputs).flatMap(([key, { name }]) => (answers[name] === undefined ? [] : [[key, answers[name]]])));
}

/** A failure of the model's; being told to stop is none. */
function unlessCancelled(thrown: unknown): AshoreError {
  const error = asAshoreError(thrown);
  if (error.code === "CANCELLED") throw error;
  return error;
}
