import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./sources.mjs";

/**
 * What browsers run: a file in dist/ each, self-contained. Scripts of workers are classic, because a service worker can import
 * nothing later; the pages' module and the entry for bundlers are ES modules without an import left.
 */
export const BROWSER_SCRIPTS = {
  client: { entry: "client/index.ts", file: "ashore/client.js", format: "es", inServiceWorker: false },
  worker: { entry: "client/worker.ts", file: "ashore/worker.js", format: "iife", inServiceWorker: false },
  "service-worker": { entry: "service-worker/prebuilt.ts", file: "ashore/service-worker.js", format: "iife", inServiceWorker: true },
  serve: { entry: "service-worker/index.ts", file: "service-worker.js", format: "es", inServiceWorker: true },
};

/** Where TensorFlow.js keeps its WebAssembly builds. */
const WASM_FOLDER = join(ROOT, "node_modules/@tensorflow/tfjs-backend-wasm/wasm-out");

/** TensorFlow.js's WebAssembly builds, by name. The scripts know their digests, so that dist/ carries the very bytes. */
export function wasmFiles() {
  const names = ["tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm", "tfjs-backend-wasm-threaded-simd.wasm"];
  return names.map((name) => {
    const bytes = readFileSync(join(WASM_FOLDER, name));
    return { name, bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
  });
}
