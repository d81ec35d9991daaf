import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { changeKeys, initKeys, openSigner } from "../../../sync-server/sign/index.ts";
import { encode, sha256, TestClock } from "../tuf/test-repository.ts";
import { folderDevice } from "./folder-device.ts";

let base: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "ashore-floors-"));
});
afterEach(() => rm(base, { recursive: true, force: true }));

test("a device that lost what it saw, or never saw anything, takes nothing older than its root", async () => {
  const [dataDir, old] = [join(base, "data"), join(base, "old")];
  const clock = new TestClock();
  await initKeys(dataDir);
  const signer = await openSigner({ dataDir, clock });
  const publish = (version: number): Promise<unknown> =>
    signer.update((draft) => draft.targets("publisher").set(`models/a/${version}/manifest.json`, { sha256: sha256(encode(`${version}`)), length: 1 }));
  await publish(1);
  await cp(join(dataDir, "metadata"), join(old, "metadata"), { recursive: true });
  await publish(2);
  // Online keys stay: the old state is signed as well as the new one.
  await changeKeys({ dataDir, clock, change: { kind: "rotate", role: "root" } });

  // A mirror that keeps the old state back, but cannot keep the root back: it came with the program.
  const newest = new Uint8Array(await readFile(join(dataDir, "metadata", "2.root.json")));
  await cp(join(dataDir, "metadata", "2.root.json"), join(old, "metadata", "2.root.json"));
  await expect(folderDevice(old, { clock, root: newest }).poll()).rejects.toMatchObject({ code: "METADATA_ROLLBACK" });
  const device = folderDevice(dataDir, { clock, root: newest });
  expect(await device.poll()).toMatchObject({ versions: { root: 2 } });
  expect(await device.list("models/")).toHaveLength(2);
});
