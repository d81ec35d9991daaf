import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ENTRIES, MANIFEST } from "./manifest.ts";
import { ROOT } from "./sources.ts";

const exec = promisify(execFile);

const KIB = 1024;
/** What a user downloads and unpacks; TensorFlow.js is most of it: in the engine thread, in three scripts for browsers, and as WebAssembly. Raise it only on purpose: say in the commit what the bytes buy. */
const BUDGET = { packed: 2_048 * KIB, unpacked: 7_936 * KIB };

const reportSchema = v.tuple([v.object({ filename: v.string(), size: v.number(), unpackedSize: v.number(), files: v.array(v.object({ path: v.string() })) })]);

/** The tarball that `npm publish` would send, unpacked into another project's node_modules, without a network. */
describe("the packed package", () => {
  let folder = "";
  let report: v.InferOutput<typeof reportSchema>[0];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ashore-pack-"));
    const { stdout } = await exec("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], { cwd: ROOT });
    [report] = v.parse(reportSchema, JSON.parse(stdout));
    const home = join(folder, "app/node_modules/ashore");
    await mkdir(home, { recursive: true });
    await exec("tar", ["-xzf", join(folder, report.filename), "-C", home, "--strip-components=1"]);
    // Its dependencies, and only they, are installed beside it.
    for (const name of Object.keys(MANIFEST.dependencies)) {
      const link = join(folder, "app/node_modules", name);
      await mkdir(join(link, ".."), { recursive: true });
      await symlink(join(ROOT, "node_modules", name), link);
    }
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("holds dist and the papers, no sources, no tests", () => {
    const outside = report.files.map(({ path }) => path).filter((path) => !path.startsWith("dist/"));
    expect(outside.sort()).toEqual(["CHANGELOG.md", "LICENSE", "NOTICE", "README.md", "package.json"]);
  });

  test("stays within its size", () => {
    expect(report.size).toBeLessThanOrEqual(BUDGET.packed);
    expect(report.unpackedSize).toBeLessThanOrEqual(BUDGET.unpacked);
  });

  test("runs its command from another project", async () => {
    const cli = join(folder, "app/node_modules/ashore", MANIFEST.bin.ashore);
    const { stdout } = await exec(cli, ["--help"], { cwd: join(folder, "app") });
    expect(stdout).toContain("Usage: ashore");
    for (const command of ["serve", "publish", "edge", "inspect", "verify", "gc", "keys"]) {
      expect(stdout).toMatch(new RegExp(`^\\s+${command}\\b`, "m"));
    }
  });

  test("its entries resolve by name from another project", async () => {
    const names = ENTRIES.map(({ name }) => name);
    const script = `for (const name of ${JSON.stringify(names)}) console.log(name, Object.keys(await import(name)).length > 0)`;
    const { stdout } = await exec(process.execPath, ["--input-type=module", "-e", script], { cwd: join(folder, "app") });
    expect(stdout.trim().split("\n")).toEqual(names.map((name) => `${name} true`));
  });

  test("leaves the build's stamp and source maps at home", async () => {
    const names = await readdir(join(folder, "app/node_modules/ashore/dist"), { recursive: true });
    expect(names.filter((name) => basename(name).startsWith(".") || name.endsWith(".map"))).toEqual([]);
  });
});
