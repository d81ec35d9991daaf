import { defineConfig } from "vite";

/**
 * The Node entries. Everything declared in `dependencies` stays an import, but TensorFlow.js: bundled from its ES modules, an
 * engine thread is ready in 45 ms instead of 125 ms with its CommonJS mains (docs/decisions/0002-build.md). Its wasm glue asks
 * for `__dirname`; the `.wasm` files themselves stay in its package.
 *
 * dist/ is flat: a shared chunk lies beside the entries, so that `new URL("../dist/engine-thread.js", import.meta.url)` is
 * the same file seen from a source in `edge/` and from whatever chunk that source ends in.
 */
const entries = {
  protocol: "protocol/index.ts",
  trust: "runtime/trust/index.ts",
  edge: "edge/index.ts",
  server: "sync-server/index.ts",
  cli: "cli/main.ts",
  "engine-thread": "edge/engine-thread.ts",
  "image-thread": "edge/image/thread.ts",
  "publish-thread": "sync-server/publish-thread.ts",
};

export default defineConfig({
  root: import.meta.dirname,
  publicDir: false,
  // With what TensorFlow.js imports in turn: we may not lean on a package that we do not declare.
  ssr: { noExternal: [/^@tensorflow\//, "long", "seedrandom"] },
  define: { __dirname: "import.meta.dirname", __filename: "import.meta.filename" },
  build: {
    ssr: true,
    target: "node20",
    sourcemap: true,
    minify: false,
    emptyOutDir: false,
    rolldownOptions: {
      input: entries,
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "chunk-[name].js",
        banner: (chunk) => (chunk.name === "cli" ? "#!/usr/bin/env node" : ""),
      },
    },
  },
});
