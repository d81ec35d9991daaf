import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TrustNews } from "../../../runtime/trust/index.ts";
import { initKeys, openSigner, type SignerFiles } from "../../../sync-server/sign/index.ts";
import { nodeFiles } from "../../../sync-server/sign/signer-files.ts";
import { encode, MemoryRecords, sha256, TestClock } from "../tuf/test-repository.ts";
import { failingFiles } from "./failing-files.ts";
import { folderDevice } from "./folder-device.ts";

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "ashore-crash-"));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const clock = new TestClock();
const target = (content: string) => ({ sha256: sha256(encode(content)), length: encode(content).length });

async function poll(dataDir: string, store = new MemoryRecords()): Promise<TrustNews & { paths: string[] }> {
  const trust = folderDevice(dataDir, { clock, store });
  const news = await trust.poll();
  return { ...news, paths: [...(await trust.list("models/")), ...(await trust.list("serving/"))].map(({ path }) => path) };
}

test.each([false, true])("a power cut at any effect of a signing leaves the state before or the state after, and the next run converges (torn: %s)", async (torn) => {
  const origin = join(base, `origin-${torn}`);
  await initKeys(origin);
  const signer = await openSigner({ dataDir: origin, clock });
  await signer.update((draft) => draft.targets("publisher").set("models/a/1/manifest.json", target("1")));
  const [before, after] = [["models/a/1/manifest.json"], ["models/a/1/manifest.json", "models/a/2/manifest.json", "serving/a.json"]];
  const outcomes: string[] = [];
  for (let k = 0; ; k++) {
    if (k > 60) throw new Error("the signing never ends");
    const dataDir = join(base, `${torn}-${k}`);
    await cp(origin, dataDir, { recursive: true });
    const store = new MemoryRecords();
    await poll(dataDir, store);
    const files = failingFiles(k, torn);
    const change = async (disk: SignerFiles): Promise<unknown> =>
      (await openSigner({ dataDir, clock, files: disk })).update((draft) => {
        draft.targets("publisher").set("models/a/2/manifest.json", target("2"));
        draft.targets("serving").set("serving/a.json", target("config"));
      });
    await change(files).catch((error: unknown) => expect(error).toMatchObject({ code: "STORE_FAILED" }));

    // A device that knew the state before, and one that never saw this server, both find a whole state.
    const { paths } = await poll(dataDir, store);
    expect(paths).toEqual(paths.length === before.length ? before : after);
    expect((await poll(dataDir)).paths).toEqual(paths);
    outcomes.push(paths.length === before.length ? "before" : "after");

    await change(nodeFiles);
    const healed = await poll(dataDir, store);
    expect(healed.paths).toEqual(after);
    expect(healed.versions).toMatchObject({ timestamp: 3, snapshot: 3 });
    if (!files.died()) break;
  }
  // The timestamp's rename is the one step between the two states.
  expect(outcomes.join(" ")).toMatch(/^(before )+(after ?)+$/);
  expect(outcomes.filter((outcome) => outcome === "before").length).toBeGreaterThan(6);
});

test.each([false, true])("a power cut at any effect of the first start leaves a folder that starts (torn: %s)", async (torn) => {
  for (let k = 0; ; k++) {
    if (k > 80) throw new Error("the first start never ends");
    const dataDir = join(base, `first-${torn}-${k}`);
    const files = failingFiles(k, torn);
    const start = async (disk: SignerFiles): Promise<void> => {
      await initKeys(dataDir, { files: disk });
      await openSigner({ dataDir, clock, files: disk });
    };
    await start(files).catch(() => undefined);
    const root = await readFile(join(dataDir, "metadata", "1.root.json")).catch(() => undefined);
    await start(nodeFiles);
    // A root that a device may have pinned already stays.
    if (root !== undefined) expect(await readFile(join(dataDir, "metadata", "1.root.json"))).toEqual(root);
    expect(await poll(dataDir)).toMatchObject({ changed: true, versions: { root: 1, timestamp: 1 } });
    if (!files.died()) break;
  }
});
