import { AshoreError, isErrorCode } from "../../../protocol/errors.ts";
import { digestOfHex } from "../../../protocol/digest.ts";
import { dtypeOfTf } from "../../../protocol/dtype.ts";
import type { Manifest, SignatureDef } from "../../../protocol/manifest.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { NamedTensors, Tensor } from "../../../protocol/tensor.ts";
import { InferenceTime, Manager } from "../../../runtime/activate/index.ts";
import type { Clock } from "../../../runtime/ports.ts";
import { createRestCore, type RestCore, type RestCoreOptions } from "../../../runtime/predict/index.ts";
import { sleep } from "../../../runtime/sleep.ts";
import { fakeEngine } from "../../unit/activate/fake-engine.ts";
import { READ_VECTORS, WRITE_VECTORS, type WriteVector } from "./vectors.ts";

/** The REST handler as any host has it, over models without arithmetic. No globals but those that Node and workers share. */

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const clock: Clock = { now: () => Date.now(), sleep };

interface EchoModel {
  readonly signatureDefs: Readonly<Record<string, SignatureDef>>;
  readonly versions?: readonly number[];
  readonly labels?: Readonly<Record<string, number>>;
  readonly compute: (feeds: NamedTensors) => Promise<NamedTensors>;
}

type TensorInfo = SignatureDef["inputs"][string];

const info = (name: string, tf: string, shape: number[] | null = [-1]): TensorInfo => {
  const dtype = dtypeOfTf(tf);
  if (dtype === undefined) throw new Error(`a vector names the dtype ${tf}, which there is not`);
  return { name: `${name}:0`, dtype, shape };
};

const infos = (list: string, shape?: number[] | null): SignatureDef["inputs"] =>
  Object.fromEntries(
    list.split(",").map((item) => {
      const [name = "", tf = ""] = item.split(":");
      return [name, info(name, tf, shape)];
    }),
  );

const signature = (inputs: SignatureDef["inputs"], outputs: SignatureDef["inputs"]): SignatureDef => ({ methodName: "tensorflow/serving/predict", inputs, outputs });

/** The models that read vectors ask: for each list of inputs one, whose answer is what came in, in the words of the vectors. */
export const inputsModel = (inputs: string): string => `in-${READ_VECTORS.findIndex((vector) => vector[1] === inputs)}`;
/** The model that answers with a write vector's tensors. */
export const outputsModel = (index: number): string => `out-${index}`;

function models(): Map<string, EchoModel> {
  const all = new Map<string, EchoModel>();
  for (const [, inputs] of READ_VECTORS) all.set(inputsModel(inputs), readModel(inputs));
  for (const [index, vector] of WRITE_VECTORS.entries()) all.set(outputsModel(index), writeModel(vector));
  for (const [name, model] of Object.entries(NAMED)) all.set(name, model);
  return all;
}

function readModel(inputs: string): EchoModel {
  return {
    signatureDefs: { serving_default: signature(infos(inputs), infos("seen:string")) },
    compute: async (feeds) => {
      const seen = inputs.split(",").map((item) => {
        const [name = "", tf = ""] = item.split(":");
        return shownTensor(name, tf, feeds[`${name}:0`]);
      });
      return { "seen:0": { dtype: "string", shape: [1], data: [encoder.encode(seen.join(" "))] } };
    },
  };
}

function shownTensor(name: string, tf: string, tensor: Tensor | undefined): string {
  if (tensor === undefined) return `${name} missing`;
  const elements = Array.from<unknown>(tensor.data).map((element) => {
    if (element instanceof Uint8Array) return `'${decoder.decode(element)}'`;
    if (tf === "bool") return String(element === 1);
    return Object.is(element, -0) ? "-0" : String(element);
  });
  return `${name} ${tf}[${tensor.shape.join(",")}]=(${elements.join(",")})`;
}

function writeModel({ outputs }: WriteVector): EchoModel {
  const fetched = Object.fromEntries(outputs.map(([name, tf, shape, data]) => [`${name}:0`, tensorOf(tf, shape, data)]));
  const named = Object.fromEntries(outputs.map(([name, tf]) => [name, info(name, tf)]));
  return { signatureDefs: { serving_default: signature(infos("x:float"), named) }, compute: async () => fetched };
}

/** A tensor as DESIGN section 9 writes one. */
function tensorOf(tf: string, shape: readonly number[], data: readonly unknown[]): Tensor {
  const { dtype } = info("x", tf);
  const numbers = data.map((element) => Number(element));
  const bigints = (): bigint[] => data.map((element) => BigInt(String(element)));
  switch (dtype) {
    case "float32":
      return { dtype, shape, data: Float32Array.from(numbers) };
    case "float64":
      return { dtype, shape, data: Float64Array.from(numbers) };
    case "int8":
      return { dtype, shape, data: Int8Array.from(numbers) };
    case "int16":
      return { dtype, shape, data: Int16Array.from(numbers) };
    case "int32":
      return { dtype, shape, data: Int32Array.from(numbers) };
    case "int64":
      return { dtype, shape, data: BigInt64Array.from(bigints()) };
    case "uint8":
    case "bool":
      return { dtype, shape, data: Uint8Array.from(numbers) };
    case "uint32":
      return { dtype, shape, data: Uint32Array.from(numbers) };
    case "uint64":
      return { dtype, shape, data: BigUint64Array.from(bigints()) };
    case "string":
      return { dtype, shape, data: data.map((element) => (typeof element === "string" ? encoder.encode(element) : Uint8Array.from(element as readonly number[]))) };
    case "complex64":
      return { dtype, shape, data: Float32Array.from(numbers) };
    case "complex128":
      return { dtype, shape, data: Float64Array.from(numbers) };
    case "uint16":
    case "float16":
    case "bfloat16":
      return { dtype, shape, data: Uint16Array.from(numbers) };
  }
}

const classifyInputs = infos("inputs:string");
const scores: Tensor = { dtype: "float32", shape: [2, 2], data: Float32Array.of(0.5, 0.25, 1, 1e-6) };
const classes: Tensor = { dtype: "string", shape: [2, 2], data: ["car", 'a "b"', "é", ""].map((label) => encoder.encode(label)) };
const wrong: Tensor = { dtype: "float32", shape: [1, 2], data: Float32Array.of(0.5, 0.25) };

/** What the request vectors ask. */
const NAMED: Readonly<Record<string, EchoModel>> = {
  // y is x.
  m: {
    versions: [1, 7],
    labels: { canary: 7, "a/b": 1, gone: 9 },
    signatureDefs: {
      serving_default: signature(infos("x:float"), infos("y:float")),
      two: signature(infos("a:int32,b:float"), infos("a:int32,b:float")),
      nothing: signature({}, infos("y:float")),
    },
    compute: async (feeds) => ({ ...feeds, ...(feeds["x:0"] === undefined ? {} : { "y:0": feeds["x:0"] }) }),
  },
  meta: {
    signatureDefs: {
      serving_default: signature({ x: info("x", "float", [-1, 3]), any: info("any", "string", null), one: info("one", "int64", []) }, infos("y:half")),
    },
    compute: async () => ({}),
  },
  // Fails with the error code that it is sent.
  fails: {
    signatureDefs: { serving_default: signature(infos("code:string"), infos("y:float")) },
    compute: async (feeds) => {
      const [code] = (feeds["code:0"]?.data ?? []) as readonly Uint8Array[];
      const text = decoder.decode(code);
      throw new AshoreError(isErrorCode(text) ? text : "INTERNAL", `failed: ${text} "/é\u0001`);
    },
  },
  // Answers when it is told to stop.
  slow: {
    signatureDefs: { serving_default: signature(infos("x:float"), infos("y:float")) },
    compute: () => new Promise(() => undefined),
  },
  examples: {
    signatureDefs: {
      both: signature(classifyInputs, infos("classes:string,scores:float")),
      labels: signature(classifyInputs, infos("classes:string")),
      scores: signature(classifyInputs, infos("scores:float")),
      small: signature(classifyInputs, { scores: info("wrong", "float") }),
      flat: signature(classifyInputs, { scores: info("flat", "float") }),
      integers: signature(classifyInputs, { scores: info("integers", "int32") }),
      mixed: signature(classifyInputs, { classes: info("classes", "string"), scores: info("thin", "float") }),
      three: signature(classifyInputs, { classes: info("classes", "string"), scores: info("scores", "float"), more: info("scores", "float") }),
      neither: signature(classifyInputs, infos("y:float")),
      "two inputs": signature(infos("inputs:string,x:float"), infos("scores:float")),
      "another input": signature(infos("x:string"), infos("scores:float")),
      "another input, three outputs": signature(infos("x:string"), infos("classes:string,scores:float,more:float")),
      numbers: signature(classifyInputs, { outputs: info("flat", "float") }),
      column: signature(classifyInputs, { outputs: info("thin", "float") }),
      "a matrix": signature(classifyInputs, { outputs: info("scores", "float") }),
      "integer outputs": signature(classifyInputs, { outputs: info("counts", "int32") }),
      "one output": signature(classifyInputs, { outputs: info("single", "float") }),
      "two outputs": signature(classifyInputs, { outputs: info("flat", "float"), more: info("flat", "float") }),
    },
    compute: async () => ({
      "scores:0": scores,
      "classes:0": classes,
      "wrong:0": wrong,
      "flat:0": { dtype: "float32", shape: [2], data: Float32Array.of(3.5, 1e6) },
      "thin:0": { dtype: "float32", shape: [2, 1], data: Float32Array.of(-0, 1 / 3) },
      "integers:0": { dtype: "int32", shape: [2, 2], data: Int32Array.of(1, 2, 3, 4) },
      "counts:0": { dtype: "int32", shape: [2], data: Int32Array.of(1, 2) },
      "single:0": { dtype: "float32", shape: [1], data: Float32Array.of(1) },
      "y:0": scores,
    }),
  },
  // Never loads.
  broken: { versions: [5], signatureDefs: {}, compute: async () => ({}) },
};

/** Its requests to `slow` have 20 ms. Loads all models first. */
export async function createEchoService(options: Partial<Omit<RestCoreOptions, "manager" | "clock">> = {}): Promise<RestCore> {
  const known = models();
  const manager = new Manager({
    load: async (model, { version: number, digest }, { signal }) => {
      const echo = known.get(model);
      if (echo === undefined || model === "broken") throw new AshoreError("MODEL_MALFORMED", 'model.json is no graph: <b>"x"</b>');
      const engine = fakeEngine({ compute: echo.compute });
      const manifest: Manifest = { schemaVersion: 1, model, version: number, created: "2026-01-01T00:00:00Z", signatureDefs: echo.signatureDefs, assets: [], selfTest: null, warmup: [], variants: [] };
      const hosted = await engine.load({ graph: new Uint8Array(), index: new Uint8Array(), shards: [] }, { backend: "wasm", signal });
      return { model, version: number, digest, manifest, backend: "wasm", hosted, time: new InferenceTime(clock) };
    },
    clock,
    report: () => undefined,
    beforeLatest: async () => undefined,
    onFailed: () => undefined,
  });
  for (const [name, { versions = [1], labels = {} }] of known) {
    const aspired = versions.map((n) => ({ version: version(n), digest: digestOfHex(n.toString(16).padStart(64, "0")) }));
    manager.setAspired(modelName(name), { aspired, blocked: new Set(), labels: Object.fromEntries(Object.entries(labels).map(([label, n]) => [label, version(n)])), latestFloor: 0 });
  }
  manager.complete();
  await manager.settled();
  const core = createRestCore({ manager, clock, ...options });
  const hurried = createRestCore({ manager, clock, ...options, timeoutMs: 20 });
  return {
    handle: (request, more) => (request.target.includes("/slow") ? hurried : core).handle(request, more),
    close: () => {
      core.close();
      hurried.close();
    },
  };
}
