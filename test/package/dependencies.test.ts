import { builtinModules } from "node:module";
import { expect, test } from "vitest";
import { MANIFEST } from "./manifest.ts";
import { ROOMS, isOwn, packageOf, sourcesOf } from "./sources.ts";

const packagesOf = (...rooms: readonly string[]): string[] => {
  const specifiers = sourcesOf(...rooms).flatMap(({ imports }) => imports.filter((specifier) => !isOwn(specifier) && !specifier.startsWith("node:")));
  return [...new Set(specifiers.map(packageOf))].sort();
};

test("dependencies are exactly what the shipped rooms import", () => {
  expect(packagesOf(...ROOMS)).toEqual(Object.keys(MANIFEST.dependencies).sort());
});

test("what tests and benchmarks import is declared", () => {
  const declared = { ...MANIFEST.dependencies, ...MANIFEST.devDependencies };
  expect(packagesOf("test", "bench").filter((name) => !Object.hasOwn(declared, name))).toEqual([]);
});

test("Node's own modules are written with node:", () => {
  const bare = packagesOf(...ROOMS, "test", "bench").filter((name) => builtinModules.includes(name));
  expect(bare).toEqual([]);
});
