import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { PIXELS, SIDE, type Digits } from "./mnist.ts";

/** A version as it is kept, through TF.js's converter. */
export async function loadStored(folder: string): Promise<tf.GraphModel> {
  const { weightsManifest, ...json } = JSON.parse(await readFile(join(folder, "model.json"), "utf8")) as tf.io.ModelJSON;
  const files = await Promise.all(weightsManifest.flatMap(({ paths }) => paths).map((path) => readFile(join(folder, path))));
  const weightData = new Uint8Array(Buffer.concat(files)).buffer;
  return await tf.loadGraphModel(tf.io.fromMemory({ ...json, weightSpecs: weightsManifest.flatMap(({ weights }) => weights), weightData, convertedBy: null }));
}

/** How many of these digits a stored graph model names rightly, 0..1, on the backend that is set. */
export async function storedAccuracy(folder: string, digits: Digits): Promise<number> {
  const model = await loadStored(folder);
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
