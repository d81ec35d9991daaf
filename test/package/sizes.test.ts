import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { expect, test } from "vitest";
import { BROWSER_SCRIPTS } from "../../scripts/lib/browser-scripts.mjs";
import { ROOT } from "./sources.ts";

/** What a browser downloads before it can answer, gzip -9, in bytes. Raise a limit only on purpose: say in the commit what the bytes buy. */

const KB = 1000;
const gzipped = (code: string | Uint8Array): number => gzipSync(code, { level: 9 }).byteLength;
const built = (name: keyof typeof BROWSER_SCRIPTS): number => gzipped(readFileSync(join(ROOT, "dist", BROWSER_SCRIPTS[name].file)));

function expectAtMost(what: string, bytes: number, limit: number): void {
  console.log(`${what}: ${(bytes / KB).toFixed(1)} kB gzip, limit ${limit / KB}`);
  expect(bytes).toBeLessThanOrEqual(limit);
}

test("the module that pages import", () => expectAtMost("client.js", built("client"), 8 * KB));

test("the service worker, TensorFlow.js and three backends included", () => expectAtMost("service-worker.js", built("service-worker"), 270 * KB));

// It has the glue of TensorFlow.js's threads besides, which no service worker can start.
test("the page's worker, TensorFlow.js and three backends included", () => expectAtMost("worker.js", built("worker"), 266 * KB));

test("the service worker, TensorFlow.js aside", async () => {
  const result = await build({
    root: ROOT,
    configFile: join(ROOT, "vite.browser.config.ts"),
    mode: "service-worker",
    logLevel: "error",
    // As built, but with imports of TensorFlow.js left, for which the script must be a module.
    build: { write: false, sourcemap: false, lib: { entry: join(ROOT, BROWSER_SCRIPTS["service-worker"].entry), formats: ["es"] }, rolldownOptions: { external: [/^@tensorflow\//] } },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (output === undefined || !("output" in output)) throw new Error("vite built nothing");
  expect(output.output.map(({ type }) => type)).toEqual(["chunk"]);
  expectAtMost("service-worker.js without TensorFlow.js", gzipped(output.output[0].code), 84 * KB);
});
