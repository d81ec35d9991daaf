#!/usr/bin/env node
// npm run bench [-- name...]   each bench/<name>.ts in a fresh process of its own; names filter by substring.
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { build, loadConfigFromFile } from "vite";
import { ROOT } from "./lib/sources.mjs";
import { ensureBuilt, run } from "./lib/run.mjs";

const filters = process.argv.slice(2);
const files = (await readdir(join(ROOT, "bench"))).filter((file) => file.endsWith(".ts")).sort();
const names = files
  .map((file) => file.slice(0, -".ts".length))
  .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)));
if (names.length === 0) {
  console.error(`ashore: no benchmark is called ${filters.join(" or ")}. There are: ${files.join(", ")}`);
  process.exit(2);
}

await ensureBuilt();
// One level below the root, like dist/ and the rooms: what a source finds relative to itself stays true (vite.config.ts).
const out = join(ROOT, ".bench");
await rm(out, { recursive: true, force: true });
await mkdir(out);
// As dist/ is built, but for what is built and where to.
const { config } = await loadConfigFromFile({ command: "build", mode: "production" }, "vite.config.ts", ROOT);
config.build.outDir = out;
config.build.rolldownOptions.input = Object.fromEntries(names.map((name) => [name, `bench/${name}.ts`]));
await build({ ...config, root: ROOT, configFile: false, logLevel: "warn" });

const failed = [];
for (const name of names) {
  console.log(`\n# ${name}`);
  const status = await run(process.execPath, ["--expose-gc", "--enable-source-maps", join(out, `${name}.js`)]);
  if (status !== 0) failed.push(name);
}
await rm(out, { recursive: true, force: true });
if (failed.length > 0) {
  console.error(`\nashore: these benchmarks failed: ${failed.join(", ")}`);
  process.exitCode = 1;
}
