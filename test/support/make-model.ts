import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mulberry32 } from "../../protocol/self-test.ts";

/** TF.js graph models that tests write themselves, in the layout that `tensorflowjs_converter` writes. */

interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const T_FLOAT = { T: { type: "DT_FLOAT" } };
const placeholder = (name: string, shape: readonly number[]): object => ({
  name,
  op: "Placeholder",
  attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim: shape.map((size) => ({ size: String(size) })) } } },
});
const constant = ({ name, shape }: Weight): object => ({
  name,
  op: "Const",
  attr: { dtype: { type: "DT_FLOAT" }, value: { tensor: { dtype: "DT_FLOAT", tensorShape: { dim: shape.map((size) => ({ size: String(size) })) } } } },
});
const signature = (input: readonly number[], output: readonly number[]): object => {
  const info = (name: string, shape: readonly number[]): object => ({ name: `${name}:0`, dtype: "DT_FLOAT", tensorShape: { dim: shape.map((size) => ({ size: String(size) })) } });
  return { inputs: { x: info("x", input) }, outputs: { y: info("y", output) } };
};

async function writeModel(folder: string, nodes: readonly object[], weights: readonly Weight[], sig: object): Promise<void> {
  await mkdir(folder, { recursive: true });
  const bytes = Buffer.concat(weights.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
  const model = {
    format: "graph-model",
    generatedBy: "test",
    convertedBy: null,
    signature: sig,
    modelTopology: { node: nodes, library: {}, versions: { producer: 1 } },
    weightsManifest: [{ paths: ["weights.bin"], weights: weights.map(({ name, shape }) => ({ name, shape, dtype: "float32" })) }],
  };
  await writeFile(join(folder, "weights.bin"), bytes);
  await writeFile(join(folder, "model.json"), JSON.stringify(model));
}

/** y = a x + b for x of shape [-1]; `op` puts an op of another name in the place of the addition. */
export async function writeLinearModel(folder: string, a: number, b: number, op = "AddV2"): Promise<void> {
  const weights = [
    { name: "a", shape: [], data: Float32Array.of(a) },
    { name: "b", shape: [], data: Float32Array.of(b) },
  ];
  const nodes = [
    placeholder("x", [-1]),
    ...weights.map(constant),
    { name: "ax", op: "Mul", input: ["x", "a"], attr: T_FLOAT },
    { name: "y", op, input: ["ax", "b"], attr: T_FLOAT },
  ];
  await writeModel(folder, nodes, weights, signature([-1], [-1]));
}

/**
 * A chain of `layers` matrix products of `width` x `width` (4 width^2 bytes each) with tanh between, seeded; the answer to an
 * input of ones differs from seed to seed. Input [-1, width].
 */
export async function writeDeepModel(folder: string, { layers, width, seed }: { readonly layers: number; readonly width: number; readonly seed: number }): Promise<void> {
  const random = mulberry32(seed);
  const scale = 2 / Math.sqrt(width);
  const weights = Array.from({ length: layers }, (_, i) => ({
    name: `w${i}`,
    shape: [width, width],
    data: Float32Array.from({ length: width * width }, () => (random() - 0.5) * scale),
  }));
  const nodes: object[] = [placeholder("x", [-1, width]), ...weights.map(constant)];
  let last = "x";
  weights.forEach(({ name }, i) => {
    nodes.push({ name: `m${i}`, op: "MatMul", input: [last, name], attr: { ...T_FLOAT, transpose_a: { b: false }, transpose_b: { b: false } } });
    nodes.push({ name: i === layers - 1 ? "y" : `t${i}`, op: "Tanh", input: [`m${i}`], attr: T_FLOAT });
    last = `t${i}`;
  });
  await writeModel(folder, nodes, weights, signature([-1, width], [-1, width]));
}
