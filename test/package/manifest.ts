import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { ROOT } from "./sources.ts";

const names = v.record(v.string(), v.string());
const conditions = v.strictObject({ types: v.string(), import: v.string() });

/** The parts of package.json that these tests judge. */
const manifestSchema = v.object({
  name: v.literal("ashore"),
  version: v.string(),
  bin: v.strictObject({ ashore: v.string() }),
  exports: v.record(v.string(), v.union([conditions, v.string()])),
  dependencies: names,
  devDependencies: names,
});

export const MANIFEST = v.parse(manifestSchema, JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")));

/** The public entries: `["ashore/edge", { types, import }]`. */
export const ENTRIES = Object.entries(MANIFEST.exports).flatMap(([subpath, target]) =>
  typeof target === "string" ? [] : [{ name: `ashore${subpath.slice(1)}`, ...target }],
);
