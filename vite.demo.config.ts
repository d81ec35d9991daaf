import { defineConfig } from "vite";

/** The demo's page: a project of its own that knows Ashore by its public URLs alone. */
export default defineConfig({
  root: "demo/app",
  base: "/",
  build: {
    outDir: "../../dist/demo",
    emptyOutDir: false,
    target: "es2022",
    reportCompressedSize: false,
    // Its policy lets no data: script or font run; icons are few.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { external: ["/ashore/client.js"] },
  },
});
