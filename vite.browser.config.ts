import { readdirSync, readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";
import { LIMITS } from "./protocol/limits.ts";
import { BROWSER_SCRIPTS, wasmFiles } from "./scripts/lib/browser-scripts.mjs";
import { browserDigest } from "./scripts/lib/sources.mjs";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as { readonly version: string };

/** One script that browsers run; `--mode` says which. */
export default defineConfig(({ mode }) => {
  const script = Object.entries(BROWSER_SCRIPTS).find(([name]) => name === mode)?.[1];
  if (script === undefined) throw new Error(`vite.browser.config.ts builds one script: --mode ${Object.keys(BROWSER_SCRIPTS).join(" | ")}`);
  return {
    root: import.meta.dirname,
    publicDir: false,
    plugins: [leaveOut(script.inServiceWorker ? [...LEFT_OUT, ...THREADS] : LEFT_OUT), opsThatGraphsName(), noTrainingKernels(), selfContainedWasmGlue(), limitsInPlace()],
    define: {
      __ASHORE_BUILD__: JSON.stringify(`${version}+${browserDigest().slice(0, 12)}`),
      __ASHORE_WASM__: JSON.stringify(Object.fromEntries(wasmFiles().map(({ name, sha256 }) => [name, sha256]))),
      "process.env.NODE_ENV": '"production"',
    },
    build: {
      target: "es2022",
      sourcemap: "hidden",
      minify: true,
      emptyOutDir: false,
      reportCompressedSize: false,
      lib: { entry: script.entry, formats: [script.format], name: "ashore", fileName: () => script.file },
      // Spelled out, because vite leaves white space in the ES modules of libraries.
      rolldownOptions: { output: { minify: true } },
    },
  };
});

/**
 * What of TensorFlow.js is left out, by import, and what stands in for it: what it asks for in Node alone, what it does besides
 * computing (its own ways to fetch and keep models, its optimizers), and all but one of the generators of random numbers.
 */
const LEFT_OUT: readonly (readonly [specifier: RegExp, instead: string])[] = [
  [/^(?:fs|path|os|util|crypto|worker_threads|perf_hooks|string_decoder|node-fetch)$/, "export default {};"],
  [/\/platform_node$/, "export {};"],
  [/^\.\.?\/(?:io\/)?(?:indexed_db|local_storage)$/, classes("BrowserIndexedDB", "BrowserIndexedDBManager", "BrowserLocalStorage", "BrowserLocalStorageManager")],
  [/\/model_management$/, `export class ModelStoreManagerRegistry { static registerManager() {} }\n${functions("copyModel", "listModels", "moveModel", "removeModel")}`],
  [/^\.\/browser_files$/, functions("browserFiles")],
  [/^\.\/http$/, functions("browserHTTPRequest", "http", "isHTTPScheme")],
  [/^\.\/weights_loader$/, functions("loadWeights", "weightsLoaderFactory")],
  [/\/register_optimizers$/, functions("registerOptimizers")],
  [/^seedrandom$/, 'export { default as alea } from "seedrandom/lib/alea.js";'],
];
/** No service worker can start a thread. */
const THREADS: typeof LEFT_OUT = [[/\/tfjs-backend-wasm-threaded-simd(?:\.worker)?\.js$/, 'export default {};\nexport const wasmWorkerContents = "";']];

function functions(...names: readonly string[]): string {
  return names.map((name) => `export function ${name}() {}`).join("\n");
}

function classes(...names: readonly string[]): string {
  return names.map((name) => `export class ${name} {}`).join("\n");
}

function leaveOut(parts: typeof LEFT_OUT): Plugin {
  const prefix = "\0left-out:";
  return {
    name: "ashore:leave-out",
    enforce: "pre",
    resolveId(id, importer) {
      const at = importer?.includes("/node_modules/") === true ? parts.findIndex(([specifier]) => specifier.test(id)) : -1;
      return at < 0 ? undefined : prefix + at;
    },
    load: (id) => (id.startsWith(prefix) ? parts[Number(id.slice(prefix.length))]?.[1] : undefined),
  };
}

/**
 * The converter hands all operations of TensorFlow.js to each of its executors, which keeps all of them in the bundle. Only those
 * that an executor names are of use: losses, windows and the like go.
 */
function opsThatGraphsName(): Plugin {
  const converter = new URL("node_modules/@tensorflow/tfjs-converter/dist/", import.meta.url);
  const named = (): readonly string[] => {
    const files = ["operations/executors", "executor"].flatMap((folder) => readdirSync(new URL(folder, converter)).map((name) => `${folder}/${name}`));
    const names = files.filter((name) => /(?<!_test)\.js$/.test(name)).flatMap((name) => [...readFileSync(new URL(name, converter), "utf8").matchAll(/\b(?:ops|tfOps)\.(\w+)/g)].map(([, op = ""]) => op));
    if (names.length < 100) throw new Error("TensorFlow.js's converter names its operations otherwise than 4.22 did; vite.browser.config.ts must follow it.");
    return [...new Set(names)];
  };
  return {
    name: "ashore:ops-that-graphs-name",
    load: (id) => (id.endsWith("/tfjs-core/dist/ops/ops_for_converter.js") ? `export { ${named().join(", ")} } from "./ops";` : undefined),
  };
}

/** Kernels that only training and drawing call: graphs have no gradients. A transposed convolution is another's `Conv2DBackpropInput`. */
function noTrainingKernels(): Plugin {
  const line = /^import \{ (\w+) \} from '\.\/kernels\/(?!Conv2DBackpropInput')\w*(?:Backprop|Grad|Draw|FromPixels)\w*';\n/gm;
  return {
    name: "ashore:no-training-kernels",
    transform(code, id) {
      if (!/\/tfjs-backend-\w+\/dist\/register_all_kernels\.js$/.test(id)) return undefined;
      const unused = [...code.matchAll(line)].map(([, name = ""]) => name);
      if (unused.length < 10) throw new Error(`${id} lists its kernels otherwise than TensorFlow.js 4.22 did; vite.browser.config.ts must follow it.`);
      return { code: code.replace(line, "").replace(new RegExp(`^ *(?:${unused.join("|")}),\n`, "gm"), ""), map: null };
    },
  };
}

/**
 * TensorFlow.js starts its threads from the text of emscripten's glue function (`toString()`), which asks whether there is a
 * `_scriptDir` around it. Minified, that question would be about a variable that exists here and not there. There is none. The
 * glue without threads needs its own.
 */
function selfContainedWasmGlue(): Plugin {
  const around = /^ *var _scriptDir = .*\n *if \(typeof __filename .*\n/m;
  return {
    name: "ashore:self-contained-wasm-glue",
    transform(code, id) {
      if (!/\/wasm-out\/[^/.]*-threaded-[^/.]*\.js$/.test(id)) return undefined;
      if (!around.test(code)) throw new Error(`${id} names its script otherwise than TensorFlow.js 4.22 did; vite.browser.config.ts must follow it.`);
      return { code: code.replace(around, ""), map: null };
    },
  };
}

/** Each bound as a number where it is used: a script carries the few that it needs, not the table. */
function limitsInPlace(): Plugin {
  const values = new Map<string, number>(Object.entries(LIMITS));
  return {
    name: "ashore:limits-in-place",
    transform(code, id) {
      if (id.includes("/node_modules/") || !code.includes("LIMITS.")) return undefined;
      return { code: code.replace(/\bLIMITS\.(\w+)/g, (written, name: string) => String(values.get(name) ?? written)), map: null };
    },
  };
}
