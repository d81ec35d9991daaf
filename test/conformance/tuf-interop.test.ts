import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Updater } from "tuf-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseManifest } from "../../protocol/manifest.ts";
import { parseServingConfig } from "../../protocol/serving-config.ts";
import { writeLinearModel } from "../support/make-model.ts";
import { runCommand, type Command } from "../support/processes.ts";
import { until } from "../support/rest-client.ts";
import { openWorkshop, type Workshop } from "../support/workshop.ts";

/** Other people's clients of The Update Framework, against a live `ashore serve`: it is their opinion that counts here. */
const PYTHON = process.env["ASHORE_PYTHON_TUF"];
const SCRIPT = fileURLToPath(new URL("tuf-interop.py", import.meta.url));
const run = promisify(execFile);

let workshop: Workshop;
let server: Command;
let newest = 0;

beforeAll(async () => {
  workshop = await openWorkshop();
  await drop();
  server = await workshop.serve("--no-inference", "--model_name", "line", "--model_base_path", workshop.path("models", "line"));
  await published();
}, 120_000);
afterAll(() => workshop.close());

/** Puts the next version into the repository. */
async function drop(): Promise<void> {
  newest++;
  await workshop.drop("line", newest, (folder) => writeLinearModel(folder, newest, 0));
}

/** Until the server has published the newest version. */
async function published(): Promise<void> {
  await until(() => fetch(`${server.url}/manifests/line/versions/${newest}`), ({ ok }) => ok);
}

const manifestOf = (version: number): string => `models/line/${version}/manifest.json`;

/** What a client downloads, by path: the files' contents, undefined for a target that is not there. */
type Download = (...paths: readonly string[]) => Promise<readonly (Uint8Array | undefined)[]>;

async function updatesAndDownloads(download: Download): Promise<void> {
  const first = newest;
  const [manifest, config, missing] = await download(manifestOf(first), "serving/line.json", manifestOf(first + 1));
  expect(parseManifest(manifest ?? new Uint8Array())).toMatchObject({ model: "line", version: first });
  expect(parseServingConfig(config ?? new Uint8Array()).versions.map(({ version }) => version)).toContain(first);
  expect(missing).toBeUndefined();
  // The same client again, after the next publish: from what it keeps, by new timestamp, snapshot and roles.
  await drop();
  await published();
  const [next, changed, old] = await download(manifestOf(newest), "serving/line.json", manifestOf(first));
  expect(parseManifest(next ?? new Uint8Array())).toMatchObject({ model: "line", version: newest });
  expect(parseServingConfig(changed ?? new Uint8Array()).versions.map(({ version }) => version)).toContain(newest);
  expect(old).toEqual(manifest);
  // And after the root's key was replaced: along the chain, each root signed by the one before.
  await rotateRoot();
  await drop();
  await published();
  const [last] = await download(manifestOf(newest));
  expect(parseManifest(last ?? new Uint8Array())).toMatchObject({ model: "line", version: newest });
}

async function rotateRoot(): Promise<void> {
  const before = await newestRoot();
  for (const role of ["root", "timestamp"]) {
    const { status, stderr } = await runCommand(["keys", "rotate", role, "--data", workshop.path("server")]);
    expect(status, stderr).toBe(0);
  }
  expect(await newestRoot()).toBe(before + 2);
}

async function newestRoot(): Promise<number> {
  for (let version = 1; ; version++) if (!(await fetch(`${server.url}/metadata/${version + 1}.root.json`)).ok) return version;
}

/** Folders of a client that trusts the server's first root and has seen nothing. */
async function client(name: string, rootName: string): Promise<{ readonly metadata: string; readonly targets: string }> {
  const metadata = workshop.path(name, "metadata");
  const targets = workshop.path(name, "targets");
  await mkdir(metadata, { recursive: true });
  await mkdir(targets, { recursive: true });
  const answer = await fetch(`${server.url}/metadata/1.root.json`);
  await writeFile(join(metadata, rootName), new Uint8Array(await answer.arrayBuffer()));
  return { metadata, targets };
}

describe("tuf-js", () => {
  test("updates from the live server, and downloads manifests and serving configs", async () => {
    const { metadata, targets } = await client("tuf-js", "root.json");
    await updatesAndDownloads(async (...paths) => {
      const updater = new Updater({ metadataDir: metadata, metadataBaseUrl: `${server.url}/metadata`, targetDir: targets, targetBaseUrl: `${server.url}/targets` });
      await updater.refresh();
      const found: (Uint8Array | undefined)[] = [];
      for (const [at, path] of paths.entries()) {
        const info = await updater.getTargetInfo(path);
        found.push(info && new Uint8Array(await readFile(await updater.downloadTarget(info, join(targets, `target-${at}`)))));
      }
      return found;
    });
  });
});

describe.skipIf(PYTHON === undefined)("python-tuf (ASHORE_PYTHON_TUF names a Python that has it)", () => {
  test("updates from the live server, and downloads manifests and serving configs", async () => {
    const { metadata, targets } = await client("python-tuf", "first-root.json");
    await updatesAndDownloads(async (...paths) => {
      const { stdout } = await run(PYTHON ?? "python3", [SCRIPT, server.url, metadata, targets, ...paths]);
      const lines = stdout.trim().split("\n").map((line) => JSON.parse(line) as { readonly file: string | null });
      return await Promise.all(lines.map(async ({ file }) => (file === null ? undefined : new Uint8Array(await readFile(file)))));
    });
  });

  test("refuses, as we do, what a mirror without keys makes of it", async () => {
    const { metadata, targets } = await client("python-refuses", "first-root.json");
    const data = workshop.path("server", "metadata", "timestamp.json");
    const kept = workshop.path("timestamp.kept");
    await copyFile(data, kept);
    const forged = JSON.parse(await readFile(data, "utf8")) as { signed: { version: number } };
    forged.signed.version += 100;
    await writeFile(data, JSON.stringify(forged));
    try {
      await expect(run(PYTHON ?? "python3", [SCRIPT, server.url, metadata, targets, manifestOf(1)])).rejects.toMatchObject({ stderr: expect.stringContaining("UnsignedMetadataError") as unknown });
    } finally {
      await copyFile(kept, data);
    }
  });
});
