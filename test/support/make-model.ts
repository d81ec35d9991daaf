import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mulberry32 } from "../../protocol/self-test.ts";

/** TF.js graph models that tests write themselves, in the layout that `tensorflowjs_converter` writes. */

interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

const T_FLOAT = { T: { type: "DT_FLOAT" } };
const placeholder = (name: string, shape: readonly number[]): object => ({
  name,
  op: "Placeholder",
  attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: { dim: shape.map((size) => ({ size: String(size) })) } } },
});
const constant = ({ name, shape, data }: Weight): object => {
  const dtype = data instanceof Float32Array ? "DT_FLOAT" : "DT_INT32";
  return { name, op: "Const", attr: { dtype: { type: dtype }, value: { tensor: { dtype, tensorShape: { dim: shape.map((size) => ({ size: String(size) })) } } } } };
};
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
    weightsManifest: [{ paths: ["weights.bin"], weights: weights.map(({ name, shape, data }) => ({ name, shape, dtype: data instanceof Float32Array ? "float32" : "int32" })) }],
  };
  await writeFile(join(folder, "weights.bin"), bytes);
  await writeFile(join(folder, "model.json"), JSON.stringify(model));
}

/**
 * y = a x + b for x of shape [-1]. `op` puts an op of another name in the place of the addition; `ballast` adds that many bytes of
 * seeded weights; the mean of their products with the input's mean, times zero, is added, so that a version has weight without
 * another answer, and none that an import could compute by itself.
 */
export async function writeLinearModel(folder: string, a: number, b: number, { op = "AddV2", ballast = 0 }: { readonly op?: string; readonly ballast?: number } = {}): Promise<void> {
  const random = mulberry32(a * 1000 + b);
  const weights: Weight[] = [
    { name: "a", shape: [], data: Float32Array.of(a) },
    { name: "b", shape: [], data: Float32Array.of(b) },
  ];
  const nodes: object[] = [{ name: "ax", op: "Mul", input: ["x", "a"], attr: T_FLOAT }];
  if (ballast > 0) {
    weights.push(
      { name: "ballast", shape: [ballast >> 2], data: Float32Array.from({ length: ballast >> 2 }, random) },
      { name: "zero", shape: [], data: Float32Array.of(0) },
      { name: "axis", shape: [1], data: Int32Array.of(0) },
    );
    const mean = (name: string, input: string): object => ({ name, op: "Mean", input: [input, "axis"], attr: { ...T_FLOAT, Tidx: { type: "DT_INT32" }, keep_dims: { b: false } } });
    nodes.push(
      mean("x_mean", "x"),
      { name: "weighed", op: "Mul", input: ["ballast", "x_mean"], attr: T_FLOAT },
      mean("mean", "weighed"),
      { name: "nothing", op: "Mul", input: ["mean", "zero"], attr: T_FLOAT },
      { name: "same", op: "AddV2", input: ["ax", "nothing"], attr: T_FLOAT },
    );
  }
  nodes.push({ name: "y", op, input: [ballast > 0 ? "same" : "ax", "b"], attr: T_FLOAT });
  await writeModel(folder, [placeholder("x", [-1]), ...weights.map(constant), ...nodes], weights, signature([-1], [-1]));
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

/**
 * A model whose requests are small and whose inference is long: x of shape [-1] is averaged, multiplied into a constant of
 * `rows` x `width`, taken through `layers` products, and averaged again. Weights 4 width (rows + layers width) bytes.
 */
export async function writeHeavyModel(folder: string, { layers, width, rows, seed }: { readonly layers: number; readonly width: number; readonly rows: number; readonly seed: number }): Promise<void> {
  const random = mulberry32(seed);
  const scale = 2 / Math.sqrt(width);
  const matrix = (name: string, height: number): Weight => ({ name, shape: [height, width], data: Float32Array.from({ length: height * width }, () => (random() - 0.5) * scale) });
  const layerWeights = Array.from({ length: layers }, (_, i) => matrix(`w${i}`, width));
  const weights: Weight[] = [matrix("base", rows), { name: "first", shape: [1], data: Int32Array.of(0) }, ...layerWeights];
  const mean = (name: string, input: string, over: string, keep: boolean): object => ({ name, op: "Mean", input: [input, over], attr: { ...T_FLOAT, Tidx: { type: "DT_INT32" }, keep_dims: { b: keep } } });
  const nodes: object[] = [
    placeholder("x", [-1]),
    ...weights.map(constant),
    mean("m", "x", "first", false),
    { name: "h", op: "Mul", input: ["base", "m"], attr: T_FLOAT },
  ];
  let last = "h";
  layerWeights.forEach(({ name }, i) => {
    nodes.push({ name: `p${i}`, op: "MatMul", input: [last, name], attr: { ...T_FLOAT, transpose_a: { b: false }, transpose_b: { b: false } } });
    nodes.push({ name: `t${i}`, op: "Tanh", input: [`p${i}`], attr: T_FLOAT });
    last = `t${i}`;
  });
  nodes.push(mean("y", last, "first", true));
  await writeModel(folder, nodes, weights, signature([-1], [1, width]));
}

/** Images of `shape` in, the same images out as `pixels`, and the mean of each of their channels as `scores`. */
export async function writeColorModel(folder: string, shape: readonly number[] = [-1, 4, 6, 3]): Promise<void> {
  const axes: Weight = { name: "axes", shape: [2], data: Int32Array.of(1, 2) };
  const nodes = [
    placeholder("image", shape),
    constant(axes),
    { name: "pixels", op: "Identity", input: ["image"], attr: T_FLOAT },
    { name: "scores", op: "Mean", input: ["image", "axes"], attr: { ...T_FLOAT, Tidx: { type: "DT_INT32" }, keep_dims: { b: false } } },
  ];
  const info = (name: string, sizes: readonly number[]): object => ({ name: `${name}:0`, dtype: "DT_FLOAT", tensorShape: { dim: sizes.map((size) => ({ size: String(size) })) } });
  const [batch = -1, , , channels = -1] = shape;
  await writeModel(folder, nodes, [axes], { inputs: { image: info("image", shape) }, outputs: { pixels: info("pixels", shape), scores: info("scores", [batch, channels]) } });
}
