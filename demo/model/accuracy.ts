import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { PIXELS, SIDE, type Digits } from "./mnist.ts";

/** How many of these digits a stored graph model names rightly, 0..1, on the backend that is set. */
export async function storedAccuracy(folder: string, digits: Digits): Promise<number> {
  const { modelTopology, signature, weightsManifest } = JSON.parse(await readFile(join(folder, "model.json"), "utf8"));
  const [group] = weightsManifest;
  const weightData = new Uint8Array(await readFile(join(folder, group.paths[0]))).buffer;
  const model = await tf.loadGraphModel(tf.io.fromMemory({ modelTopology, signature, weightSpecs: group.weights, weightData, format: "graph-model" }));
  let right = 0;
  const batch = 200;
  for (let from = 0; from < digits.count; from += batch) {
    const count = Math.min(batch, digits.count - from);
    const ink = Float32Array.from(digits.images.subarray(from * PIXELS, (from + count) * PIXELS), (value) => value / 255);
    const classes = tf.tidy(() => {
      const scores = model.predict({ image: tf.tensor4d(ink, [count, SIDE, SIDE, 1]) }) as tf.Tensor2D;
      return tf.argMax(scores, 1);
    });
    const named = await classes.data();
    classes.dispose();
    named.forEach((digit, i) => (right += digit === digits.labels[from + i] ? 1 : 0));
  }
  model.dispose();
  return right / digits.count;
}
