#!/usr/bin/env node
// Writes demo/models/half_plus_two/1: y = x / 2 + 2, the model that TensorFlow Serving's own examples start with, as a
// TF.js graph model of two weights. The files are committed; run this to make them again (they come out the same).
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const folder = new URL("./models/half_plus_two/1/", import.meta.url);

const FLOAT = { type: "DT_FLOAT" };
const scalar = (name) => ({
  name,
  op: "Const",
  attr: { dtype: FLOAT, value: { tensor: { dtype: "DT_FLOAT", tensorShape: {} } } },
});
const info = (name) => ({ name: `${name}:0`, dtype: "DT_FLOAT", tensorShape: { dim: [{ size: "-1" }] } });

const model = {
  format: "graph-model",
  generatedBy: "ashore demo/make-half-plus-two.mjs",
  convertedBy: null,
  signature: { inputs: { x: info("x") }, outputs: { y: info("y") } },
  modelTopology: {
    node: [
      { name: "x", op: "Placeholder", attr: { dtype: FLOAT, shape: { shape: { dim: [{ size: "-1" }] } } } },
      scalar("a"),
      scalar("b"),
      { name: "ax", op: "Mul", input: ["x", "a"], attr: { T: FLOAT } },
      { name: "y", op: "AddV2", input: ["ax", "b"], attr: { T: FLOAT } },
    ],
    library: {},
    versions: { producer: 1087 },
  },
  weightsManifest: [
    {
      paths: ["group1-shard1of1.bin"],
      weights: [
        { name: "a", shape: [], dtype: "float32" },
        { name: "b", shape: [], dtype: "float32" },
      ],
    },
  ],
};

const weights = new DataView(new ArrayBuffer(8));
weights.setFloat32(0, 0.5, true);
weights.setFloat32(4, 2, true);

await mkdir(folder, { recursive: true });
await writeFile(new URL("model.json", folder), `${JSON.stringify(model)}\n`);
await writeFile(new URL("group1-shard1of1.bin", folder), weights);
console.log(`wrote ${fileURLToPath(folder)}`);
