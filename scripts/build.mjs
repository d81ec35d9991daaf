#!/usr/bin/env node
// Builds dist/: the Node entries, the browser's scripts and the demo's page with vite, the public declarations with tsc.
//   node scripts/build.mjs              always
//   node scripts/build.mjs --if-stale   only when a source changed since (this is `prepare`, which npm runs often)
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { BROWSER_SCRIPTS, wasmFiles } from "./lib/browser-scripts.mjs";
import { capture } from "./lib/run.mjs";
import { DIST, ROOT, isFresh, sourceDigest } from "./lib/sources.mjs";

const ifStale = process.argv.includes("--if-stale");

if (ifStale && isFresh()) process.exit(0);

if (!existsSync(join(ROOT, "node_modules/vite"))) {
  // Installed without devDependencies (`npm ci --omit=dev`): what is in dist, if anything, stays as it is.
  console.error(
    "ashore: dist/ is not fresh and cannot be built, because the devDependencies are not installed. " +
      "Run `npm ci` (without --omit=dev) and then `npm run build`.",
  );
  process.exit(ifStale ? 0 : 1);
}

const started = performance.now();
const builtFrom = sourceDigest();
// A folder beside dist, so that each finished file moves to its place by one rename on one file system.
const fresh = await mkdtemp(join(ROOT, ".build-"));
try {
  const results = await Promise.allSettled([
    buildWith("vite.config.ts", fresh),
    ...Object.keys(BROWSER_SCRIPTS).map((name) => buildWith("vite.browser.config.ts", fresh, name)),
    copyWasm(join(fresh, "ashore/wasm")),
    buildWith("demo/vite.config.ts", join(fresh, "demo")),
    ...["tsconfig.build.json", "tsconfig.build.browser.json"].map((config) => emitDeclarations(config, join(fresh, "types"))),
  ]);
  const failed = results.filter((result) => result.status === "rejected");
  for (const message of new Set(failed.map(({ reason }) => reason.message))) console.error(message);
  if (failed.length > 0) {
    console.error("ashore: the build failed; dist/ is as it was before.");
    process.exitCode = 1;
  } else {
    await chmod(join(fresh, "cli.js"), 0o755);
    await writeFile(join(fresh, ".built-from"), builtFrom);
    await replace(DIST, fresh);
    console.log(`ashore: built dist/ in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
} finally {
  await rm(fresh, { recursive: true, force: true });
}

async function buildWith(config, outDir, mode = "production") {
  const { build } = await import("vite");
  // On a busy machine rolldown finds every plugin slow.
  const options = { outDir, rolldownOptions: { checks: { pluginTimings: false } } };
  await build({ configFile: join(ROOT, config), mode, logLevel: "warn", build: options });
}

async function copyWasm(outDir) {
  await mkdir(outDir, { recursive: true });
  await Promise.all(wasmFiles().map(({ name, bytes }) => writeFile(join(outDir, name), bytes)));
}

async function emitDeclarations(config, outDir) {
  const { output, status } = await capture(process.execPath, ["node_modules/typescript/bin/tsc", "-p", config, "--outDir", outDir]);
  if (status !== 0) throw new Error(`tsc -p ${config}:\n${output.trimEnd()}`);
}

/** Moves every file of `from` over its namesake in `to`, then removes what `from` does not have: no file is ever absent. */
async function replace(to, from) {
  const paths = (await filesUnder(from)).map((file) => relative(from, file));
  // The stamp comes last: a build that is cut off here is still stale.
  paths.sort((a, b) => Number(a === ".built-from") - Number(b === ".built-from"));
  for (const path of paths) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await rename(join(from, path), join(to, path));
  }
  const kept = new Set(paths);
  const stale = (await filesUnder(to)).filter((file) => !kept.has(relative(to, file)));
  await Promise.all(stale.map((file) => rm(file, { force: true })));
}

async function filesUnder(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
