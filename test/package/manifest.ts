import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { ROOT } from "./sources.ts";

const names = v.record(v.string(), v.string());
const conditions = v.strictObject({ types: v.string(), import: v.string() });
/** Not to be imported: `new Worker(new URL(...))`, in which bundlers resolve without the condition `import`. */
const script = v.strictObject({ types: v.string(), default: v.string() });

/** The parts of package.json that these tests judge. */
const manifestSchema = v.object({
  name: v.literal("ashore"),
  version: v.string(),
  bin: v.strictObject({ ashore: v.string() }),
  exports: v.record(v.string(), v.union([conditions, script, v.string()])),
  dependencies: names,
  devDependencies: names,
});

export const MANIFEST = v.parse(manifestSchema, JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")));

/** The public entries: `{ name: "ashore/edge", types, import }`. */
export const ENTRIES = Object.entries(MANIFEST.exports).flatMap(([subpath, target]) =>
  typeof target === "string" || !("import" in target) ? [] : [{ name: `ashore${subpath.slice(1)}`, ...target }],
);

/** The scripts that are loaded and not imported. */
export const SCRIPTS = Object.entries(MANIFEST.exports).flatMap(([subpath, target]) =>
  typeof target === "string" || !("default" in target) ? [] : [{ name: `ashore${subpath.slice(1)}`, ...target }],
);
