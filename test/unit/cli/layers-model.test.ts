import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "./run-cli.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ashore-cli-layers-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** y = relu(x · [[1, 2], [3, 4]] + [0.5, -0.5]), as TensorFlow.js's `model.save` writes it. */
const MODEL_JSON = {
  format: "layers-model",
  modelTopology: {
    class_name: "Sequential",
    config: { name: "s", layers: [{ class_name: "Dense", config: { name: "d", units: 2, activation: "relu", use_bias: true, batch_input_shape: [null, 2], dtype: "float32", trainable: true } }] },
    keras_version: "tfjs-layers 4.22.0",
    backend: "tensor_flow.js",
  },
  weightsManifest: [{ paths: ["weights.bin"], weights: [{ name: "d/kernel", shape: [2, 2], dtype: "float32" }, { name: "d/bias", shape: [2], dtype: "float32" }] }],
};

test("a layers model is inspected and published, its self-test computed, like any other", async () => {
  await mkdir(join(folder, "model/1"), { recursive: true });
  await writeFile(join(folder, "model/1/model.json"), JSON.stringify(MODEL_JSON));
  await writeFile(join(folder, "model/1/weights.bin"), Buffer.from(Float32Array.of(1, 2, 3, 4, 0.5, -0.5).buffer));
  const { out } = await run(folder, "inspect", "model/1");
  expect(out).toMatch(/input\s+d_input\s+float32\s+\[\?, 2\]/);
  expect(out).toMatch(/output\s+d\s+float32\s+\[\?, 2\]/);
  expect(out).toContain("layers: 0 to");
  expect(out).toContain("_FusedMatMul");
  const published = await run(folder, "publish", "model/1", "--model", "dense", "--json");
  expect([published.status, JSON.parse(published.out)]).toMatchObject([0, { outcome: "published", version: 1 }]);
});
