import { DTYPES, type DType } from "./dtype.ts";
import { AshoreError } from "./errors.ts";
import { graphInputs } from "./graph-inputs.ts";
import type { SelfTest, SignatureDef } from "./manifest.ts";
import { elementCount, type NamedTensors, type Tensor } from "./tensor.ts";

/** mulberry32: 32 bits of state, uniform in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * The inputs of a self-test, by the keys of `graphInputs`, in the engine's dtypes (float32, int32, bool, string): one stream from
 * the seed through the inputs in the order of their keys. `perturb` (0 for none) adds that share of each float's value.
 */
export function selfTestInputs(selfTest: Pick<SelfTest, "seed" | "inputs">, signatureDef: SignatureDef, perturb = 0): NamedTensors {
  const random = mulberry32(selfTest.seed);
  const tensors: Record<string, Tensor> = {};
  const infos = graphInputs(signatureDef);
  for (const key of Object.keys(selfTest.inputs).sort()) {
    const info = infos[key];
    const { shape, below } = selfTest.inputs[key] ?? {};
    if (info === undefined || shape === undefined) {
      throw new AshoreError("SCHEMA_INVALID", `The self-test names the input ${key}, which the signature def does not have.`);
    }
    tensors[key] = seeded(info.dtype, shape, random, perturb, below);
  }
  return tensors;
}

function seeded(dtype: DType, shape: readonly number[], random: () => number, perturb: number, below = 256): Tensor {
  const count = elementCount(shape);
  switch (DTYPES[dtype].engine) {
    case "float32":
      return { dtype: "float32", shape, data: Float32Array.from({ length: count }, () => random() * (1 + perturb)) };
    case "int32":
      return { dtype: "int32", shape, data: Int32Array.from({ length: count }, () => Math.floor(random() * below)) };
    case "bool":
      return { dtype: "bool", shape, data: Uint8Array.from({ length: count }, () => (random() >= 0.5 ? 1 : 0)) };
    case "string":
      return { dtype: "string", shape, data: Array.from({ length: count }, () => new Uint8Array()) };
    default:
      throw new AshoreError("UNIMPLEMENTED", `A self-test cannot make inputs of dtype ${dtype}.`);
  }
}

/**
 * What is wrong with a device's outputs (by signature def key), or undefined if they are what the publisher's machine
 * computed.
 */
export function selfTestFault(selfTest: SelfTest, outputs: NamedTensors): string | undefined {
  for (const [key, expected] of Object.entries(selfTest.outputs)) {
    const actual = outputs[key];
    if (actual === undefined) return `output ${key} is missing`;
    if (expected.shape !== null && String(actual.shape) !== String(expected.shape)) {
      return `output ${key} has shape [${actual.shape}] where [${expected.shape}] was published`;
    }
    const { data } = actual;
    if (expected.finite && (data instanceof Float32Array || data instanceof Float64Array)) {
      const at = data.findIndex((x) => !Number.isFinite(x));
      if (at >= 0) return `output ${key} has ${data[at]} at ${at}`;
    }
    for (const [index, value] of expected.samples) {
      const x = Number(data[index]);
      if (!(Math.abs(x - value) <= expected.atol + expected.rtol * Math.abs(value))) {
        return `output ${key} has ${x} at ${index} where ${value} was published`;
      }
    }
  }
  return undefined;
}
