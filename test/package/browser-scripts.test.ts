import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BROWSER_SCRIPTS, wasmFiles } from "../../scripts/lib/browser-scripts.mjs";
import { MANIFEST } from "./manifest.ts";
import { scriptLoads } from "./script-loads.ts";
import { ROOT } from "./sources.ts";

/** Law 5: a script of a worker is whole. What it does without `import()` and the like is seen in test/browser/. */

test("the law sees what it forbids", () => {
  expect(scriptLoads(`import "a"; import("b"); require("c"); self.importScripts("d"); importScripts("e"); fine.require("f"); const text = 'import("g")';`, "module")).toEqual([
    "import a", `import("b")`, `require("c")`, `self.importScripts("d")`, `importScripts("e")`,
  ]);
});

describe.each(Object.entries(BROWSER_SCRIPTS))("%s", (_, { file, format }) => {
  const code = readFileSync(join(ROOT, "dist", file), "utf8");

  test("loads nothing more when it runs", () => {
    expect(scriptLoads(code, format === "es" ? "module" : "script")).toEqual([]);
  });

  test("asks for none of Node's modules", () => {
    expect(builtinModules.filter((name) => code.includes(`from"${name}"`) || code.includes(`from "${name}"`) || code.includes(`"node:${name}"`))).toEqual([]);
  });

  test("leaves nothing to be replaced by a build", () => {
    expect(code.match(/__ASHORE_(?:BUILD|WASM)__|process\.env\b/g) ?? []).toEqual([]);
  });
});

test("every part of it names the same build, which is this version's", () => {
  const builds = Object.values(BROWSER_SCRIPTS).flatMap(({ file }) => [...readFileSync(join(ROOT, "dist", file), "utf8").matchAll(/[`"'](\d+\.\d+\.\d+\+[0-9a-f]{12})[`"']/g)].map(([, build]) => build));
  expect(new Set(builds).size).toBe(1);
  expect(builds[0]?.startsWith(`${MANIFEST.version}+`)).toBe(true);
});

test("dist/ carries the wasm files that the scripts compile, and no others", () => {
  const worker = readFileSync(join(ROOT, "dist", BROWSER_SCRIPTS.worker.file), "utf8");
  for (const { name, bytes, sha256 } of wasmFiles()) {
    expect([name, Buffer.compare(readFileSync(join(ROOT, "dist/ashore/wasm", name)), bytes)]).toEqual([name, 0]);
    expect([name, worker.includes(sha256)]).toEqual([name, true]);
  }
});
