import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SIDE } from "./mnist.ts";
import type { Network } from "./network.ts";
import type { Weights } from "./fit.ts";

const FLOAT = { T: { type: "DT_FLOAT" } };
const INT = { type: "DT_INT32" };
const ints = (...values: readonly number[]): object => ({ list: { i: values.map(String) } });
/** TF.js reads texts of a graph in base64, as protobuf's JSON writes bytes. */
const text = (value: string): object => ({ s: Buffer.from(value).toString("base64") });
const shapeOf = (sizes: readonly number[]): object => ({ dim: sizes.map((size) => ({ size: String(size) })) });

const INPUT = "image";
const OUTPUT = "scores";
const INPUT_SHAPE = [-1, SIDE, SIDE, 1];

/**
 * A trained network as a TF.js graph model, as `tensorflowjs_converter` writes them: `image` [-1, 28, 28, 1] float32 with ink 0..1
 * to `scores` [-1, 10] float32, which sum to 1.
 */
export async function writeGraphModel(folder: string, network: Network, weights: Weights): Promise<void> {
  const flat = { name: "flat/shape", shape: [2], dtype: "int32", data: Int32Array.of(-1, flatSize(network)) };
  const stored = [...[...weights].map(([name, weight]) => ({ name, dtype: "float32", ...weight })), flat];
  const model = {
    format: "graph-model",
    generatedBy: "ashore demo/model/train.ts",
    convertedBy: null,
    signature: { inputs: { [INPUT]: tensorInfo(INPUT, INPUT_SHAPE) }, outputs: { [OUTPUT]: tensorInfo(OUTPUT, [-1, 10]) } },
    modelTopology: {
      node: [
        { name: INPUT, op: "Placeholder", attr: { dtype: FLOAT.T, shape: { shape: shapeOf(INPUT_SHAPE) } } },
        ...stored.map(({ name, shape, dtype }) => constant(name, shape, dtype)),
        ...nodesOf(network),
      ],
      library: {},
      versions: { producer: 1087 },
    },
    weightsManifest: [{ paths: ["group1-shard1of1.bin"], weights: stored.map(({ name, shape, dtype }) => ({ name, shape, dtype })) }],
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "model.json"), `${JSON.stringify(model)}\n`);
  await writeFile(join(folder, "group1-shard1of1.bin"), Buffer.concat(stored.map(({ data }) => new Uint8Array(data.buffer))));
}

function tensorInfo(name: string, shape: readonly number[]): object {
  return { name: `${name}:0`, dtype: "DT_FLOAT", tensorShape: shapeOf(shape) };
}

function constant(name: string, shape: readonly number[], dtype: string): object {
  const type = dtype === "float32" ? "DT_FLOAT" : "DT_INT32";
  return { name, op: "Const", attr: { dtype: { type }, value: { tensor: { dtype: type, tensorShape: shapeOf(shape) } } } };
}

/** The layers in TensorFlow's ops, bias and ReLU fused into the convolution or product before them. */
function nodesOf({ layers }: Network): object[] {
  const nodes: object[] = [];
  let last = INPUT;
  const add = (name: string, op: string, input: readonly string[], attr: object): void => {
    nodes.push({ name, op, input, attr });
    last = name;
  };
  const fused = (relu: boolean): object => ({
    num_args: { i: "1" },
    fused_ops: { list: { s: (relu ? ["BiasAdd", "Relu"] : ["BiasAdd"]).map((op) => Buffer.from(op).toString("base64")) } },
    epsilon: { f: 0 },
  });
  for (const layer of layers) {
    const inputs = [last, `${layer.name}/kernel`, `${layer.name}/bias`];
    if (layer.op === "conv") {
      add(layer.name, "_FusedConv2D", inputs, { ...FLOAT, ...fused(true), strides: ints(1, 1, 1, 1), dilations: ints(1, 1, 1, 1), padding: text("SAME"), data_format: text("NHWC"), explicit_paddings: { list: {} } });
    } else if (layer.op === "pool") {
      add(layer.name, "MaxPool", [last], { ...FLOAT, ksize: ints(1, 2, 2, 1), strides: ints(1, 2, 2, 1), padding: text("SAME"), data_format: text("NHWC"), explicit_paddings: { list: {} } });
    } else {
      if (layer === layers.find(({ op }) => op === "dense")) {
        add("flat", "Reshape", [last, "flat/shape"], { ...FLOAT, Tshape: INT });
        inputs[0] = last;
      }
      add(layer.name, "_FusedMatMul", inputs, { ...FLOAT, ...fused(layer.relu), transpose_a: { b: false }, transpose_b: { b: false } });
    }
  }
  add(OUTPUT, "Softmax", [last], FLOAT);
  return nodes;
}

/** What the first dense layer takes. */
function flatSize({ layers }: Network): number {
  const first = layers.find((layer) => layer.op === "dense");
  if (first === undefined) throw new Error("A network ends in a dense layer.");
  return first.from;
}
