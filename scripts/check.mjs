#!/usr/bin/env node
// npm run check   types in each environment, lint, unused code, and the package as npm would publish it. One line each.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { capture, ensureBuilt } from "./lib/run.mjs";
import { ROOT } from "./lib/sources.mjs";

/** Not environments: what the others extend, and what the build emits declarations with. */
const NOT_CHECKED = new Set(["tsconfig.base.json", "tsconfig.build.json", "tsconfig.build.browser.json"]);

await ensureBuilt();
const folder = await mkdtemp(join(tmpdir(), "ashore-check-"));
const tool = (name, path, ...args) => ({ name, run: () => capture(process.execPath, [join("node_modules", path), ...args]) });

const configs = (await readdir(ROOT)).filter((file) => /^tsconfig\..*json$/.test(file) && !NOT_CHECKED.has(file)).sort();
const tasks = [
  ...configs.map((config) => tool(`tsc -p ${config}`, "typescript/bin/tsc", "-p", config)),
  tool("oxlint --type-aware", "oxlint/bin/oxlint", "--type-aware", "--deny-warnings"),
  tool("knip", "knip/bin/knip.js", "--no-progress", "--treat-config-hints-as-errors"),
  { name: "npm pack, publint, attw", run: checkPackage },
];

let failed = 0;
const queue = tasks.values();
const lane = async () => {
  for (const task of queue) {
    const started = performance.now();
    const { status, output } = await task.run();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (status === 0) {
      console.log(`ok    ${task.name} (${seconds} s)`);
    } else {
      failed += 1;
      console.log(`FAIL  ${task.name} (${seconds} s)\n${output.trimEnd()}`);
    }
  }
};
await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, lane));
await rm(folder, { recursive: true, force: true });
if (failed > 0) {
  console.error(`ashore: ${failed} of ${tasks.length} checks failed`);
  process.exitCode = 1;
}

/** Packs what npm would publish and asks publint and attw about that tarball. */
async function checkPackage() {
  const npm = process.env["npm_execpath"];
  const [command, ...first] = npm === undefined ? ["npm"] : [process.execPath, npm];
  const packed = await capture(command, [...first, "pack", "--ignore-scripts", "--json", "--pack-destination", folder]);
  if (packed.status !== 0) return packed;
  const tarball = (await readdir(folder)).find((file) => file.endsWith(".tgz"));
  const results = [
    await capture(process.execPath, ["node_modules/publint/src/cli.js", "run", join(folder, tarball), "--strict"]),
    await capture(process.execPath, [
      "node_modules/@arethetypeswrong/cli/dist/index.js",
      join(folder, tarball),
      "--profile",
      "esm-only",
      "--exclude-entrypoints",
      "./package.json",
    ]),
  ];
  return results.find((result) => result.status !== 0) ?? packed;
}
