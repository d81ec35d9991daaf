import { createServer, type Server } from "node:http";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Updater } from "tuf-js";
import { consistentTargetPath } from "../../../protocol/tuf/index.ts";
import { initKeys, openSigner, type Signer } from "../../../sync-server/sign/index.ts";
import { systemClock } from "../../../sync-server/system-clock.ts";
import { encode, sha256 } from "../tuf/test-repository.ts";

/** tuf-js is another implementation of the specification: what it takes from our repository is not our own opinion of it. */
let folder: string;
let dataDir: string;
let server: Server;
let url: string;
let signer: Signer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ashore-tuf-js-"));
  dataDir = join(folder, "data");
  await initKeys(dataDir);
  signer = await openSigner({ dataDir, clock: systemClock });
  server = createServer((request, response) => {
    readFile(join(dataDir, decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname))).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  url = `http://127.0.0.1:${address.port}`;
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

async function publish(role: string, path: string, content: string): Promise<void> {
  const info = { sha256: sha256(encode(content)), length: encode(content).length };
  const file = join(dataDir, "targets", consistentTargetPath(path, info.sha256));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  await signer.update((draft) => draft.targets(role).set(path, { ...info, custom: { minVersion: 1 } }));
}

const updater = (metadataDir: string): Updater => new Updater({ metadataDir, metadataBaseUrl: `${url}/metadata`, targetDir: folder, targetBaseUrl: `${url}/targets` });

test("tuf-js updates from the repository and downloads a manifest and a serving config, again after the next publish", async () => {
  await publish("publisher", "models/digits/3/manifest.json", "the manifest");
  await publish("serving", "serving/digits.json", "the serving config");
  const metadataDir = join(folder, "client");
  await mkdir(metadataDir);
  await writeFile(join(metadataDir, "root.json"), await readFile(join(dataDir, "metadata", "1.root.json")));

  const downloaded = async (path: string): Promise<string | undefined> => {
    const client = updater(metadataDir);
    await client.refresh();
    const info = await client.getTargetInfo(path);
    return info && (await readFile(await client.downloadTarget(info, join(folder, "got"))).then(String));
  };
  expect(await downloaded("models/digits/3/manifest.json")).toBe("the manifest");
  expect(await downloaded("serving/digits.json")).toBe("the serving config");
  expect(await downloaded("models/digits/4/manifest.json")).toBeUndefined();

  await publish("publisher", "models/digits/4/manifest.json", "the next manifest");
  await publish("serving", "serving/digits.json", "the next serving config");
  expect(await downloaded("models/digits/4/manifest.json")).toBe("the next manifest");
  expect(await downloaded("serving/digits.json")).toBe("the next serving config");
});

test("tuf-js refuses what the wrong role signed, as our own client does", async () => {
  const metadataDir = join(folder, "refusing");
  await mkdir(metadataDir);
  await writeFile(join(metadataDir, "root.json"), await readFile(join(dataDir, "metadata", "1.root.json")));
  const path = join(dataDir, "metadata", "timestamp.json");
  const honest = await readFile(path, "utf8");
  const forged = JSON.parse(honest) as { signed: { version: number } };
  forged.signed.version++;
  await writeFile(path, JSON.stringify(forged));
  await expect(updater(metadataDir).refresh()).rejects.toThrow(/signed/);
  await writeFile(path, honest);
  await updater(metadataDir).refresh();
});
