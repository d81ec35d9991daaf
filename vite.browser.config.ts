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
    plugins: [withoutNode(), selfContainedWasmGlue()],
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
    },
  };
});

/** What TensorFlow.js asks for in Node alone: Node's modules, and its platform there, which is made when it is loaded. */
const NODE_ONLY = /^(?:fs|path|os|util|crypto|worker_threads|perf_hooks|string_decoder|node-fetch|.*\/platform_node)$/;
const NOTHING = "\0node-only";

function withoutNode(): Plugin {
  return {
    name: "ashore:without-node",
    enforce: "pre",
    resolveId: (id) => (NODE_ONLY.test(id) ? NOTHING : undefined),
    load: (id) => (id === NOTHING ? "export default {};" : undefined),
  };
}

/**
 * TensorFlow.js starts its threads from the text of emscripten's glue function (`toString()`), which asks whether there is a
 * `_scriptDir` around it. Minified, that question would be about a variable that exists here and not there. There is none.
 */
function selfContainedWasmGlue(): Plugin {
  const around = /^ *var _scriptDir = .*\n *if \(typeof __filename .*\n/m;
  return {
    name: "ashore:self-contained-wasm-glue",
    transform(code, id) {
      if (!/\/wasm-out\/[^/.]*\.js$/.test(id)) return undefined;
      if (!around.test(code)) throw new Error(`${id} names its script otherwise than TensorFlow.js 4.22 did; vite.browser.config.ts must follow it.`);
      return { code: code.replace(around, ""), map: null };
    },
  };
}
