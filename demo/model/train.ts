// node demo/model/train.mjs [--only VERSION] [FOLDER]   trains the demo's model on MNIST and writes its two versions
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { storedAccuracy } from "./accuracy.ts";
import { fit } from "./fit.ts";
import { writeGraphModel } from "./graph-model.ts";
import { readMnist } from "./mnist.ts";
import { DIGITS_VERSIONS } from "./versions.ts";
import { useWasm } from "./wasm.ts";

/** @param demo the folder demo/ */
export async function train(demo: string, args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: { only: { type: "string" } }, allowPositionals: true });
  const mnist = await readMnist(resolve(positionals[0] ?? join(demo, "../../shared/data/mnist")));
  await useWasm();
  for (const { version, folder, network, course, atLeast } of DIGITS_VERSIONS) {
    if (values.only !== undefined && Number(values.only) !== version) continue;
    console.log(`version ${version}: ${course.epochs} epochs over ${mnist.train.count} digits`);
    const weights = await fit(network, mnist.train, course, ({ epoch, loss, seconds }) => {
      console.log(`  epoch ${epoch}: loss ${loss.toFixed(4)}, ${seconds.toFixed(1)} s`);
    });
    const written = join(demo, folder);
    await writeGraphModel(written, network, weights);
    const accuracy = await storedAccuracy(written, mnist.test);
    console.log(`  ${(accuracy * 100).toFixed(2)} % of ${mnist.test.count} digits that it never saw, ${await bytesOf(written)} bytes in ${folder}`);
    if (accuracy < atLeast) throw new Error(`Version ${version} was to reach ${atLeast * 100} %.`);
  }
}

async function bytesOf(folder: string): Promise<number> {
  const sizes = await Promise.all((await readdir(folder)).map(async (file) => (await stat(join(folder, file))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
