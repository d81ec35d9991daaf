import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

/** Makes TF.js compute with WebAssembly, in this thread alone: the same numbers in every run. */
export async function useWasm(): Promise<void> {
  const packageFile = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json");
  setWasmPaths(join(dirname(packageFile), "wasm-out") + sep);
  if (!(await tf.setBackend("wasm"))) throw new Error("The wasm backend of TensorFlow.js does not start here.");
}
