#!/usr/bin/env node
// Builds dist/: every Node entry with vite, the public declarations with tsc.
//   node scripts/build.mjs              always
//   node scripts/build.mjs --if-stale   only when a source changed since (this is `prepare`, which npm runs often)
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
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
  const declarations = existsSync(join(ROOT, "protocol/index.ts")) && run(process.execPath, [
    join(ROOT, "node_modules/typescript/bin/tsc"),
    "-p",
    "tsconfig.build.json",
    "--outDir",
    join(fresh, "types"),
  ]);
  const { build } = await import("vite");
  await Promise.all([
    declarations,
    build({ root: ROOT, configFile: join(ROOT, "vite.config.ts"), logLevel: "warn", build: { outDir: fresh } }),
  ]);
  if (existsSync(join(fresh, "cli.js"))) await chmod(join(fresh, "cli.js"), 0o755);
  await writeFile(join(fresh, ".built-from"), builtFrom);
  await replace(DIST, fresh);
} finally {
  await rm(fresh, { recursive: true, force: true });
}
console.log(`ashore: built dist/ in ${((performance.now() - started) / 1000).toFixed(1)} s`);

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

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: "inherit" });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${relative(ROOT, args[0])} ended with status ${code}`));
    });
  });
}
