// The peer of bench/edge-throughput.ts: what one writes by hand, fastify in front of TF.js on wasm, in one thread.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import Fastify from "fastify";

const require = createRequire(import.meta.url);
const tf = require("@tensorflow/tfjs-core");
const { loadGraphModel } = require("@tensorflow/tfjs-converter");
const { setWasmPaths } = require("@tensorflow/tfjs-backend-wasm");

const folder = process.argv[2];
setWasmPaths(`${dirname(require.resolve("@tensorflow/tfjs-backend-wasm"))}/`);
if (!(await tf.setBackend("wasm"))) throw new Error("no wasm backend");
const { modelTopology, weightsManifest } = JSON.parse(await readFile(join(folder, "model.json"), "utf8"));
const bytes = await readFile(join(folder, "weights.bin"));
const model = await loadGraphModel({
  load: async () => ({ modelTopology, weightSpecs: weightsManifest[0].weights, weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) }),
});

const app = Fastify();
app.post("/v1/models/line:predict", (request) => {
  const x = tf.tensor(request.body.instances, undefined, "float32");
  const y = model.execute({ x }, "y");
  const predictions = Array.from(y.dataSync());
  x.dispose();
  y.dispose();
  return { predictions };
});
console.log(`peer: serving on ${await app.listen({ port: 0, host: "127.0.0.1" })}`);
