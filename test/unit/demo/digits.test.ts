import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { encode } from "fast-png";
import { beforeAll, describe, expect, test } from "vitest";
import { EXAMPLES } from "../../../demo/app/examples.ts";
import { SIDE, inkOf } from "../../../demo/app/ink.ts";
import { loadStored, storedAccuracy } from "../../../demo/model/accuracy.ts";
import { hasMnist, readMnist } from "../../../demo/model/mnist.ts";
import { DIGITS_VERSIONS } from "../../../demo/model/versions.ts";
import { useWasm } from "../../../demo/model/wasm.ts";
import { prepareImage } from "../../../edge/image/prepare-image.ts";
import { importModel } from "../../../sync-server/import/index.ts";
import { ROOT } from "../../support/root.ts";

const MNIST = join(ROOT, "../shared/data/mnist");

beforeAll(useWasm);

describe.each(DIGITS_VERSIONS)("version $version of the demo's model", ({ folder, atLeast }) => {
  const stored = join(ROOT, "demo", folder);

  test("is less than 300 kB", async () => {
    const sizes = await Promise.all((await readdir(stored)).map(async (file) => (await stat(join(stored, file))).size));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(300_000);
  });

  test("takes an image and gives ten scores that sum to 1", async () => {
    const { signature } = JSON.parse(await readFile(join(stored, "model.json"), "utf8"));
    const shape = (...sizes: string[]) => ({ dim: sizes.map((size) => ({ size })) });
    expect(signature).toEqual({
      inputs: { image: { name: "image:0", dtype: "DT_FLOAT", tensorShape: shape("-1", "28", "28", "1") } },
      outputs: { scores: { name: "scores:0", dtype: "DT_FLOAT", tensorShape: shape("-1", "10") } },
    });
  });

  test("reads every example of the page, and is sure of it", async () => {
    const model = await loadStored(stored);
    for (const [digit, strokes] of EXAMPLES.entries()) {
      const scores = [...tf.tidy(() => (model.predict({ image: tf.tensor4d(inkOf(strokes), [1, SIDE, SIDE, 1]) }) as tf.Tensor).dataSync())];
      expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 5);
      expect([scores.indexOf(Math.max(...scores)), Math.max(...scores) > 0.9], `the example of ${digit}: ${scores.map((score) => score.toFixed(3)).join(" ")}`).toEqual([digit, true]);
    }
    model.dispose();
  });

  test("reads the same examples as pictures, by its serving.json, and has a name for each score", async () => {
    const { preprocess, classes } = await importModel(stored);
    const how = preprocess?.["image"];
    if (how === undefined) throw new Error("it takes no pictures");
    for (const strokes of EXAMPLES) {
      const ink = inkOf(strokes).map((value) => Math.round(value * 255));
      const png = encode({ width: SIDE, height: SIDE, channels: 1, data: Uint8Array.from(ink) });
      expect(Array.from(prepareImage(png, how).values, (value) => Math.round(value * 255))).toEqual([...ink]);
    }
    expect(classes).toEqual({ output: "scores", names: Array.from({ length: 10 }, (_, digit) => String(digit)) });
  });

  test.skipIf(!hasMnist(MNIST))(`names ${atLeast * 100} % of the digits that it never saw (skipped where ../shared has no MNIST)`, async () => {
    const { test: unseen } = await readMnist(MNIST);
    expect(unseen.count).toBe(2000);
    expect(await storedAccuracy(stored, unseen)).toBeGreaterThanOrEqual(atLeast);
  });
});
