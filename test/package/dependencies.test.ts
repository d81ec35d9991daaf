import { readdirSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MANIFEST } from "./manifest.ts";
import { ROOMS, ROOT, packageOf, parse, sourcesOf, type Source } from "./sources.ts";

const packagesOf = (sources: readonly Source[]): string[] =>
  [...new Set(sources.flatMap(({ externals }) => externals.filter((specifier) => !specifier.startsWith("node:")).map(packageOf)))].sort();

const shipped = sourcesOf(...ROOMS);
const workshop = sourcesOf("test", "bench");

test("dependencies are exactly what the shipped rooms import", () => {
  expect(packagesOf(shipped)).toEqual(Object.keys(MANIFEST.dependencies).sort());
});

test("what was bundled imports declared dependencies only, not what those depend on", () => {
  const built = readdirSync(join(ROOT, "dist")).filter((file) => file.endsWith(".js"));
  const packages = packagesOf(built.map((file) => parse(`dist/${file}`))).filter((name) => !builtinModules.includes(name));
  expect(packages.filter((name) => !Object.hasOwn(MANIFEST.dependencies, name))).toEqual([]);
});

test("what tests and benchmarks import is declared", () => {
  const declared = { ...MANIFEST.dependencies, ...MANIFEST.devDependencies };
  expect(packagesOf(workshop).filter((name) => !Object.hasOwn(declared, name))).toEqual([]);
});

test("Node's own modules are written with node:", () => {
  expect(packagesOf([...shipped, ...workshop]).filter((name) => builtinModules.includes(name))).toEqual([]);
});
