import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import "@tensorflow/tfjs-backend-cpu";
import { loadGraphModel, type GraphModel } from "@tensorflow/tfjs-converter";
import { engine, getBackend, setBackend, tensor, type io, type NamedTensorMap } from "@tensorflow/tfjs-core";
import type { NamedTensors, Tensor } from "../../protocol/tensor.ts";

/** What plain TF.js answers on its cpu backend to a model.json: no code of ours between. */
export async function referenceAnswers(modelJson: string, feeds: NamedTensors, fetches: readonly string[]): Promise<NamedTensors> {
  const before = getBackend();
  await setBackend("cpu");
  const model = await loadPlain(modelJson);
  engine().startScope();
  try {
    const inputs: NamedTensorMap = {};
    for (const [name, { data, shape, dtype }] of Object.entries(feeds)) {
      inputs[name] = tensor(data as Float32Array, [...shape], dtype as "float32");
    }
    const results = await model.executeAsync(inputs, [...fetches]);
    const answers: Record<string, Tensor> = {};
    [results].flat().forEach((result, i) => {
      answers[fetches[i] ?? ""] = { dtype: result.dtype, shape: result.shape, data: copyOf(result.dataSync(), result.dtype) };
    });
    return answers;
  } finally {
    engine().endScope();
    model.dispose();
    if (before !== undefined && before !== "cpu") await setBackend(before);
  }
}

/** The plain JavaScript backend gives some of its answers as plain arrays. */
function copyOf(data: ArrayLike<number>, dtype: string): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> {
  return dtype === "int32" ? Int32Array.from(data) : Float32Array.from(data);
}

async function loadPlain(modelJson: string): Promise<GraphModel> {
  const json = JSON.parse(await readFile(modelJson, "utf8")) as io.ModelJSON;
  const paths = json.weightsManifest.flatMap((group) => group.paths);
  const files = await Promise.all(paths.map((path) => readFile(join(dirname(modelJson), path))));
  const { buffer } = new Uint8Array(Buffer.concat(files));
  return loadGraphModel({
    load: async () => ({ modelTopology: json.modelTopology, weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights), weightData: buffer }),
  });
}
