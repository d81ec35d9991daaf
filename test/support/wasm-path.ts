import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";

/** The folder of TF.js's `.wasm` files. */
export const WASM_PATH = join(dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json")), "wasm-out") + sep;
