import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { bundle } from "../support/chromium.ts";

test("ashore/trust and all that it imports, minified and compressed, has 14 kB at most", async () => {
  const script = await bundle("runtime/trust/index.ts", { format: "iife", minify: true });
  const bytes = gzipSync(script, { level: 9 }).byteLength;
  console.log(`ashore/trust: ${(bytes / 1000).toFixed(1)} kB gzip, limit 14`);
  // A number far below would mean that something was dropped: an entry without its exports.
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThanOrEqual(14_000);
});
