#!/usr/bin/env node
// npm test [-- filter...]   all tests (npm run test:all adds *.long.test.ts). The last line counts them, for CI.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findOrInstallChromium } from "./lib/chromium.mjs";
import { ensureBuilt, run } from "./lib/run.mjs";

const args = process.argv.slice(2);
const all = args.includes("--all");
const rest = args.filter((arg) => arg !== "--all");

await ensureBuilt();
try {
  await findOrInstallChromium();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

const folder = await mkdtemp(join(tmpdir(), "ashore-test-"));
const report = join(folder, "report.json");
const env = { ...process.env, ...(all && { ASHORE_LONG: "1" }) };
const vitest = ["node_modules/vitest/vitest.mjs", "run", "--reporter=default", "--reporter=json"];
const status = await run(process.execPath, [...vitest, `--outputFile.json=${report}`, ...rest], { env });
const counts = await count(report);
await rm(folder, { recursive: true, force: true });

// An error outside every test (a rejection nobody handled, a crashed worker) is a failure too.
if (status !== 0 && counts.failed === 0) counts.failed = 1;
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed > 0 ? 1 : 0;

async function count(file) {
  let json;
  try {
    json = JSON.parse(await readFile(file, "utf8"));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
  // A file that failed before its first test counts as one failure.
  const broken = json.testResults.filter((result) => result.status === "failed" && result.assertionResults.length === 0);
  return {
    passed: json.numPassedTests,
    failed: json.numFailedTests + broken.length,
    skipped: json.numPendingTests + json.numTodoTests,
  };
}
