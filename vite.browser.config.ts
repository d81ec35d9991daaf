import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";
import { BROWSER_SCRIPTS, wasmFiles } from "./scripts/lib/browser-scripts.mjs";
import { browserDigest } from "./scripts/lib/sources.mjs";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as { readonly version: string };

/** One script that browsers run; `--mode` says which. */
export default defineConfig(({ mode }) => {
  const script = Object.entries(BROWSER_SCRIPTS).find(([name]) => name === mode)?.[1];
  if (script === undefined) throw new Error(`vite.browser.config.ts builds one script: --mode ${Object.keys(BROWSER_SCRIPTS).join(" | ")}`);
  return {
    publicDir: false,
    plugins: [leaveOut(script.inServiceWorker ? [...LEFT_OUT, ...THREADS] : LEFT_OUT), selfContainedWasmGlue()],
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
 * What of TensorFlow.js is left out, by import, each with the names that others still import from it: what it asks for in Node
 * alone, and what it does besides computing (its own ways to fetch and keep models, its optimizers).
 */
const LEFT_OUT: readonly (readonly [specifier: RegExp, names: readonly string[]])[] = [
  [/^(?:fs|path|os|util|crypto|worker_threads|perf_hooks|string_decoder|node-fetch)$/, ["default"]],
  [/\/platform_node$/, []],
  [/^\.\/(?:indexed_db|local_storage)$/, []],
  [/^\.\/browser_files$/, ["browserFiles"]],
  [/^\.\/http$/, ["browserHTTPRequest", "http", "isHTTPScheme"]],
  [/\/register_optimizers$/, ["registerOptimizers"]],
];
/** No service worker can start a thread. */
const THREADS: typeof LEFT_OUT = [[/\/tfjs-backend-wasm-threaded-simd(?:\.worker)?\.js$/, ["default", "wasmWorkerContents"]]];
const NOTHING = "\0left-out:";

function leaveOut(parts: typeof LEFT_OUT): Plugin {
  return {
    name: "ashore:leave-out",
    enforce: "pre",
    resolveId(id, importer) {
      if (importer?.includes("/node_modules/") !== true) return undefined;
      const names = parts.find(([specifier]) => specifier.test(id))?.[1];
      return names === undefined ? undefined : NOTHING + names.join();
    },
    load(id) {
      if (!id.startsWith(NOTHING)) return undefined;
      const names = id.slice(NOTHING.length).split(",").filter((name) => name !== "");
      return names.map((name) => (name === "default" ? "export default {};" : `export function ${name}() {}`)).join("\n");
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
