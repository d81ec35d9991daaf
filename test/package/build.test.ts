import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ROOT } from "./sources.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ashore-prepare-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const prepare = (cwd: string) => spawnSync(process.execPath, ["scripts/build.mjs", "--if-stale"], { cwd, encoding: "utf8" });

test("prepare leaves a fresh build alone", () => {
  const stamp = join(ROOT, "dist/.built-from");
  const before = statSync(stamp).mtimeMs;
  expect(prepare(ROOT)).toMatchObject({ status: 0, stdout: "", stderr: "" });
  expect(statSync(stamp).mtimeMs).toBe(before);
});

test("prepare without devDependencies says what to do, harms nothing and fails no installation", () => {
  cpSync(join(ROOT, "scripts"), join(folder, "scripts"), { recursive: true });
  cpSync(join(ROOT, "dist/cli.js"), join(folder, "dist/cli.js"));
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  const { status, stderr } = prepare(folder);
  expect(status).toBe(0);
  expect(stderr).toContain("npm ci");
  expect(existsSync(join(folder, "dist/cli.js"))).toBe(true);
});
