import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, test } from "vitest";
import type { Tensor } from "../../../protocol/tensor.ts";
import type { ImportedGraph } from "../../../sync-server/import/imported-model.ts";
import { importTfjsGraphModel } from "../../../sync-server/import/tfjs-graph-model.ts";
import { answersOf } from "../../support/run-saved-model.ts";
import { memorySource } from "../../support/saved-model-writer/memory-source.ts";

const { layers } = tf;
// Both share TensorFlow.js's one engine, in which a model that is run elsewhere leaves its backend.
beforeEach(async () => {
  await tf.setBackend("cpu");
});

type Edit = (json: Record<string, unknown>) => void;

/** The same numbers every time, of both signs; variances are positive. */
function numbers(shape: readonly number[], seed: number, positive = false): tf.Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return tf.tensor(Float32Array.from({ length: count }, (_, i) => (positive ? 1.2 : 0.1) + Math.sin(i * 1.7 + seed)), [...shape]);
}

/** The model's files with weights that no two of are alike; `edit` changes its model.json. */
async function filesOf(model: tf.LayersModel, edit: Edit = () => undefined): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const own = model.weights.map(({ name, shape }, at) => numbers(shape.map(Number), at, /variance/.test(name)));
  model.setWeights(own);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  await model.save(tf.io.withSaveHandler(async ({ modelTopology, weightSpecs = [], weightData }) => {
    const json = JSON.parse(JSON.stringify({ format: "layers-model", modelTopology, weightsManifest: [{ paths: ["weights.bin"], weights: weightSpecs }] })) as Record<string, unknown>;
    edit(json);
    files.set("model.json", new Uint8Array(Buffer.from(JSON.stringify(json))));
    files.set("weights.bin", new Uint8Array(Buffer.concat([weightData ?? []].flat().map((part) => Buffer.from(part)))));
    return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
  }));
  return files;
}

const imported = async (model: tf.LayersModel, edit?: Edit): Promise<ImportedGraph> => importTfjsGraphModel(memorySource(await filesOf(model, edit)));

/** Imports the model and holds its answers against those of TensorFlow.js's own layers. */
async function expectSame(model: tf.LayersModel, edit?: Edit, inputs = model.inputs.map(({ shape, dtype }, at) => ((values) => (dtype === "int32" ? values.abs().mul(5).toInt() : values))(numbers(shape.map((size) => size ?? 3), at + 20)))): Promise<ImportedGraph> {
  const graph = await imported(model, edit);
  const { inputs: infos, outputs } = graph.signatureDefs["serving_default"] ?? { inputs: {}, outputs: {} };
  const expected = [model.predict(inputs)].flat().map((tensor) => ({ shape: tensor.shape, values: [...tensor.dataSync()] }));
  const feeds = Object.fromEntries(Object.entries(infos).map(([key, { dtype }], at): [string, Tensor] => {
    const values = [...(inputs[at]?.dataSync() ?? [])];
    const shape = inputs[at]?.shape ?? [];
    return [key, dtype === "int32" ? { dtype, shape, data: Int32Array.from(values) } : { dtype: "float32", shape, data: Float32Array.from(values) }];
  }));
  for (const backend of ["cpu", "wasm"] as const) {
    const answers = Object.values(await answersOf(graph, "serving_default", feeds, backend));
    expect(answers.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
    for (const [at, { values }] of answers.entries()) {
      for (const [i, value] of values.entries()) expect(Math.abs(Number(value) - (expected[at]?.values[i] ?? Number.NaN)), `output ${at}, element ${i}, ${backend}`).toBeLessThan(1e-5 * Math.max(1, Math.abs(Number(value))));
    }
  }
  await tf.setBackend("cpu");
  // What the signature def says of shapes is what comes.
  for (const [at, { shape }] of Object.values(outputs).entries()) for (const [axis, size] of (shape ?? []).entries()) if (size >= 0) expect(size).toBe(expected[at]?.shape[axis]);
  return graph;
}

const chain = (...all: tf.layers.Layer[]): tf.LayersModel => tf.sequential({ layers: all });
const image = { inputShape: [9, 8, 3] };
const padded = { padding: "same", strides: 2, activation: "relu6" } as const;

describe("a layers model answers as TensorFlow.js's own layers do", () => {
  const models: Readonly<Record<string, () => tf.LayersModel>> = {
    "Dense, Dropout, Activation": () => chain(layers.dense({ inputShape: [5], units: 4, activation: "tanh" }), layers.dropout({ rate: 0.5 }), layers.dense({ units: 3, useBias: false }), layers.activation({ activation: "softmax" })),
    "Dense over more axes": () => chain(layers.dense({ inputShape: [4, 5], units: 3, activation: "relu" })),
    "Dense over an axis of any length": () => chain(layers.dense({ inputShape: [null, 5], units: 3 })),
    "Conv2D": () => chain(layers.conv2d({ ...image, filters: 4, kernelSize: [3, 2], activation: "relu" }), layers.conv2d({ filters: 2, kernelSize: 3, padding: "same", dilationRate: 2, useBias: false })),
    "Conv2D with strides": () => chain(layers.conv2d({ ...image, ...padded, filters: 4, kernelSize: 3 })),
    "Conv1D": () => chain(layers.conv1d({ inputShape: [10, 3], filters: 4, kernelSize: 3, strides: 2 }), layers.conv1d({ filters: 2, kernelSize: 2, padding: "same", activation: "elu" })),
    "DepthwiseConv2D": () => chain(layers.depthwiseConv2d({ ...image, ...padded, kernelSize: 3, depthMultiplier: 2 })),
    "SeparableConv2D": () => chain(layers.separableConv2d({ ...image, filters: 5, kernelSize: 3, depthMultiplier: 2, activation: "relu" })),
    "MaxPooling2D, AveragePooling2D, Flatten": () => chain(layers.maxPooling2d({ ...image, poolSize: 2, padding: "same" }), layers.averagePooling2d({ poolSize: [2, 3], strides: 1 }), layers.flatten()),
    "MaxPooling1D, AveragePooling1D": () => chain(layers.maxPooling1d({ inputShape: [9, 3], poolSize: 2 }), layers.averagePooling1d({ poolSize: 3, strides: 1, padding: "same" })),
    "GlobalAveragePooling2D": () => chain(layers.globalAveragePooling2d(image)),
    "GlobalMaxPooling2D": () => chain(layers.globalMaxPooling2d(image)),
    "GlobalAveragePooling1D": () => chain(layers.globalAveragePooling1d({ inputShape: [6, 3] })),
    "GlobalMaxPooling1D": () => chain(layers.globalMaxPooling1d({ inputShape: [6, 3] })),
    "BatchNormalization of images": () => chain(layers.conv2d({ ...image, filters: 4, kernelSize: 3 }), layers.batchNormalization({ epsilon: 0.01 }), layers.reLU({ maxValue: 6 })),
    "BatchNormalization without scale and centre": () => chain(layers.batchNormalization({ ...image, scale: false, center: false })),
    "BatchNormalization of vectors": () => chain(layers.batchNormalization({ inputShape: [5] }), layers.dense({ units: 2 })),
    "LayerNormalization": () => chain(layers.layerNormalization({ inputShape: [4, 5] })),
    "Reshape, Permute": () => chain(layers.reshape({ inputShape: [12], targetShape: [3, -1] }), layers.permute({ dims: [2, 1] })),
    "LeakyReLU, PReLU, ThresholdedReLU, ELU, ReLU": () => chain(layers.leakyReLU({ inputShape: [5], alpha: 0.2 }), layers.prelu(), layers.elu(), layers.thresholdedReLU({ theta: 0.3 }), layers.reLU()),
    "PReLU with shared axes, Softmax": () => chain(layers.prelu({ ...image, sharedAxes: [1, 2] }), layers.flatten(), layers.softmax()),
    "Rescaling, and layers that only training knows": () => chain(layers.rescaling({ inputShape: [4, 3], scale: 0.5, offset: -1 }), layers.gaussianNoise({ stddev: 1 }), layers.gaussianDropout({ rate: 0.5 }), layers.alphaDropout({ rate: 0.5 }), layers.spatialDropout1d({ rate: 0.5 })),
    "ZeroPadding2D, UpSampling2D": () => chain(layers.zeroPadding2d({ ...image, padding: [[1, 2], [0, 3]] }), layers.upSampling2d({ size: [2, 3] })),
    "UpSampling2D, bilinear": () => chain(layers.upSampling2d({ ...image, size: [2, 2], interpolation: "bilinear" })),
  };
  test.each(Object.entries(models))("%s", async (_, make) => {
    await expectSame(make());
  });

  test.each([[{}], [{ returnSequences: true, goBackwards: true, activation: "relu", recurrentActivation: "sigmoid" }], [{ useBias: false }]] as const)("LSTM, GRU and SimpleRNN with %j", async (options) => {
    const inputShape = [5, 3];
    await expectSame(chain(layers.lstm({ inputShape, units: 4, ...options })));
    await expectSame(chain(layers.gru({ inputShape, units: 4, ...options })));
    const { recurrentActivation: _, ...simple } = { recurrentActivation: "", ...options };
    await expectSame(chain(layers.simpleRNN({ inputShape, units: 4, ...simple })));
  });

  test("recurrent layers on top of each other and of words", async () => {
    const model = chain(layers.embedding({ inputShape: [4], inputDim: 6, outputDim: 3 }), layers.lstm({ units: 3, returnSequences: true }), layers.gru({ units: 2 }), layers.dense({ units: 2 }));
    await expectSame(model, undefined, [tf.tensor([[0, 5, 2, 2], [1, 1, 3, 4]])]);
  });

  test("Embedding", async () => {
    const model = chain(layers.embedding({ inputShape: [4], inputDim: 6, outputDim: 3 }), layers.globalAveragePooling1d());
    await expectSame(model, undefined, [tf.tensor([[0, 5, 2, 2], [1, 1, 3, 4]])]);
  });

  test.each(["elu", "hardSigmoid", "linear", "relu", "relu6", "selu", "sigmoid", "softmax", "softplus", "softsign", "tanh", "swish", "mish", "gelu", "gelu_new"] as const)("the activation %s", async (activation) => {
    await expectSame(chain(layers.dense({ inputShape: [5], units: 4, activation })));
  });

  test.each(["add", "multiply", "average", "maximum", "minimum", "concatenate"] as const)("%s of layers that branch", async (merge) => {
    const input = tf.input({ shape: [4, 3], name: "left" });
    const other = tf.input({ shape: [4, 3], name: "right" });
    const merged = layers[merge]().apply([input, other, layers.dense({ units: 3 }).apply(input) as tf.SymbolicTensor]) as tf.SymbolicTensor;
    const graph = await expectSame(tf.model({ inputs: [input, other], outputs: [merged, layers.flatten({ name: "flat" }).apply(merged) as tf.SymbolicTensor] }));
    expect(Object.keys(graph.signatureDefs["serving_default"]?.inputs ?? {})).toEqual(["left", "right"]);
    expect(Object.keys(graph.signatureDefs["serving_default"]?.outputs ?? {})[1]).toBe("flat");
  });

  test("models in a model, and a layer that is applied twice with the same weights", async () => {
    const block = chain(layers.dense({ inputShape: [4], units: 4, activation: "relu" }), layers.batchNormalization());
    const inner = tf.input({ shape: [4] });
    const shared = layers.dense({ units: 4 });
    const functional = tf.model({ inputs: inner, outputs: shared.apply(shared.apply(inner)) as tf.SymbolicTensor });
    const x = tf.input({ shape: [4], name: "x" });
    const graph = await expectSame(tf.model({ inputs: x, outputs: functional.apply(block.apply(x)) as tf.SymbolicTensor }));
    expect(new Set(graph.tensors.map(({ name }) => name)).size).toBe(graph.tensors.length);
    await expectSame(chain(block, layers.dense({ units: 2, name: "last" })));
  });

  test("a model as Keras's converter writes it: the config one level down, weights by short names", async () => {
    const model = chain(layers.dense({ inputShape: [3], units: 2, name: "d" }));
    await expectSame(model, (json) => {
      json["modelTopology"] = { keras_version: "2.15.0", backend: "tensorflow", model_config: json["modelTopology"] };
      delete json["format"];
      json["weightsManifest"] = [{ paths: ["weights.bin"], weights: [{ name: "d/cell/kernel", shape: [3, 2], dtype: "float32" }, { name: "d/cell/bias", shape: [2], dtype: "float32" }] }];
    });
  });

  test("a deep chain of layers", async () => {
    await expectSame(chain(layers.activation({ inputShape: [2], activation: "tanh" }), ...Array.from({ length: 1500 }, () => layers.activation({ activation: "linear" }))));
  });
});

describe("a layers model that cannot be taken is refused", () => {
  const refusals: readonly [string, () => tf.LayersModel, RegExp, Edit?][] = [
    ["a layer that is not known", () => chain(layers.repeatVector({ inputShape: [4], n: 3 })), /RepeatVector\d+ is a RepeatVector, which is not known here\. Known are Dense/],
    ["a recurrent layer over sequences of any length", () => chain(layers.lstm({ inputShape: [null, 2], units: 3 })), /\(LSTM\) takes sequences of any length/],
    ["a recurrent layer over masked words", () => chain(layers.embedding({ inputShape: [4], inputDim: 6, outputDim: 3, maskZero: true }), layers.gru({ units: 3 })), /\(GRU\) takes what an Embedding with mask_zero masks/],
    ["a recurrent layer that keeps its state", () => chain(layers.lstm({ batchInputShape: [1, 4, 2], units: 3, stateful: true })), /\(LSTM\) has stateful true/],
    ["channels first", () => chain(layers.conv2d({ inputShape: [3, 8, 8], filters: 2, kernelSize: 3, dataFormat: "channelsFirst" })), /\(Conv2D\) has data_format "channels_first"/],
    ["a normalisation of another axis", () => chain(layers.batchNormalization({ ...image, axis: 1 })), /\(BatchNormalization\) normalises another axis/],
    ["an option that is not known", () => chain(layers.dense({ inputShape: [3], units: 2 })), /\(Dense\) has the option window: 3, which is not known here/, (json) => patchLayer(json, { window: 3 })],
    ["an activation that is not known", () => chain(layers.dense({ inputShape: [3], units: 2 })), /has the activation "snake"/, (json) => patchLayer(json, { activation: "snake" })],
    ["an option that makes no sense", () => chain(layers.dense({ inputShape: [3], units: 2 })), /has units "two", which makes no sense/, (json) => patchLayer(json, { units: "two" })],
    ["a weight that is missing", () => chain(layers.dense({ inputShape: [3], units: 2, name: "d" })), /has no weight d\/kernel/, (json) => (json["weightsManifest"] = [])],
    ["a weight of another shape", () => chain(layers.dense({ inputShape: [3], units: 2, name: "d" })), /d\/kernel has the shape \[3,2\]; its layer needs \[3,7\]/, (json) => patchLayer(json, { units: 7 })],
    ["an input without a shape", () => chain(layers.dense({ inputShape: [3], units: 2 })), /shape or dtype of the input/, (json) => patchLayer(json, { batch_input_shape: null })],
    ["no model at all", () => chain(layers.dense({ inputShape: [3], units: 2 })), /no Sequential, Functional or Model/, (json) => (json["modelTopology"] = { model_config: {} })],
  ];
  test.each(refusals)("%s", async (_, make, message, edit) => {
    await expect(imported(make(), edit)).rejects.toThrow(expect.objectContaining({ code: "MODEL_MALFORMED", message: expect.stringMatching(message) }));
  });

  test("models in models, without end or each twice", async () => {
    const dropout = { class_name: "Dropout", name: "d", config: { name: "d" }, inbound_nodes: [[["in", 0, 0, {}]]] };
    const input = { class_name: "InputLayer", name: "in", config: { name: "in", batch_input_shape: [null, 2] }, inbound_nodes: [] };
    const nested = (times: number, depth: number): unknown => {
      let model: Record<string, unknown> = { class_name: "Functional", config: { layers: [input, dropout], input_layers: [["in", 0, 0]], output_layers: [["d", 0, 0]] } };
      for (let at = 0; at < depth; at++) {
        const calls = Array.from({ length: times }, (_, call) => [[call === 0 ? "in" : "m", call === 0 ? 0 : call - 1, 0, {}]]);
        model = { class_name: "Functional", config: { layers: [input, { ...model, name: "m", inbound_nodes: calls }], input_layers: [["in", 0, 0]], output_layers: [["m", times - 1, 0]] } };
      }
      return model;
    };
    const taken = (times: number, depth: number): Promise<ImportedGraph> => imported(chain(layers.dense({ inputShape: [3], units: 2 })), (json) => (json["modelTopology"] = nested(times, depth)));
    expect((await taken(2, 3)).signatureDefs["serving_default"]?.outputs).toHaveProperty("m");
    await expect(taken(1, 300)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    await expect(taken(2, 30)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });

  test("a layer that takes its own output", async () => {
    const input = tf.input({ shape: [2] });
    const model = tf.model({ inputs: input, outputs: layers.add({ name: "sum" }).apply([input, layers.dense({ units: 2, name: "d" }).apply(input) as tf.SymbolicTensor]) as tf.SymbolicTensor });
    const loop: Edit = (json) => {
      json["modelTopology"] = JSON.parse(JSON.stringify(json["modelTopology"]).replace(/"inbound_nodes":\[\[\["input\d+",0,0,\{\}\]\]\]/, '"inbound_nodes":[[["sum",0,0,{}]]]')) as unknown;
    };
    await expect(imported(model, loop)).rejects.toThrow(/takes its own output/);
  });
});

/** Changes the config of the only layer. */
function patchLayer(json: Record<string, unknown>, change: Readonly<Record<string, unknown>>): void {
  const text = JSON.stringify(json["modelTopology"]);
  const topology = JSON.parse(text) as { config: { layers: { config: Record<string, unknown> }[] } };
  Object.assign(topology.config.layers[0]?.config ?? {}, change);
  json["modelTopology"] = topology;
}
