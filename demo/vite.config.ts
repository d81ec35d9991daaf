import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The demo's page: a site like any other that Ashore serves, which loads `/ashore/client.js` from the origin that it is on. */
export default defineConfig({
  root: here("./app"),
  base: "/",
  publicDir: here("./app/public"),
  build: {
    outDir: here("../dist/demo"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
  },
});
