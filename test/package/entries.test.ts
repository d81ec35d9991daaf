import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ENTRIES, MANIFEST, SCRIPTS } from "./manifest.ts";
import { ROOT } from "./sources.ts";

test.each(ENTRIES)("$name has its code and types", ({ import: code, types }) => {
  expect([code, types].filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});

test.each(SCRIPTS)("$name has its script and types", ({ default: script, types }) => {
  expect([script, types].filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});

// Each entry is loaded by a Node of its own under its public name, as a user would load it; a new or lost export changes
// the snapshot, and that is the moment to write it into the changelog.
test.each(ENTRIES)("$name exports what it promises", async ({ name }) => {
  const list = `import(${JSON.stringify(name)}).then((module) => console.log(JSON.stringify(Object.keys(module).sort())))`;
  const names: unknown = JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", list], { cwd: ROOT, encoding: "utf8" }));
  await expect(JSON.stringify(names, null, 2)).toMatchFileSnapshot(`exports/${name === "ashore" ? "client" : name.replace("ashore/", "")}.json`);
});

test("what is not an entry cannot be imported", () => {
  const deep = `import("ashore/dist/cli.js").then(() => "loaded", (error) => error.code).then((answer) => console.log(answer))`;
  expect(execFileSync(process.execPath, ["--input-type=module", "-e", deep], { cwd: ROOT, encoding: "utf8" }).trim()).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
});

test("the command says its version", () => {
  const version = execFileSync(process.execPath, [join(ROOT, MANIFEST.bin.ashore), "--version"], { encoding: "utf8" });
  expect(version.trim()).toBe(MANIFEST.version);
});
