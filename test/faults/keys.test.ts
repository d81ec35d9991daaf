import { cp, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acceptRole, applyRequest, changeKeys, initKeys, listKeys, openKeyFolder, openSigner, prepareKeys, readKeyFile, signDelegatedRole, signRequest, type KeyChange, type SignerFiles, type SigningRequest } from "../../sync-server/sign/index.ts";
import { nodeFiles } from "../../sync-server/sign/signer-files.ts";
import { createFolderStorage, targetPath } from "../../sync-server/storage/index.ts";
import { parseMetadata } from "../../protocol/tuf/index.ts";
import { modelName } from "../../protocol/names.ts";
import { failingFiles } from "../unit/sign/failing-files.ts";
import { folderDevice } from "../unit/sign/folder-device.ts";
import { encode, MemoryRecords, sha256, TestClock } from "../unit/tuf/test-repository.ts";

/**
 * The power goes at every effect of a change of keys. Whatever is left, a device that knew the repository before and a new one
 * find every target, signed by the old keys or by the new ones; and the change made again succeeds.
 */
let base: string;
let origin: string;
const clock = new TestClock();
const target = (content: string) => ({ sha256: sha256(encode(content)), length: encode(content).length });
const EVERYTHING = ["models/a/1/manifest.json", "serving/a.json"];

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "ashore-keys-crash-"));
  origin = join(base, "origin");
  await initKeys(origin);
  const signer = await openSigner({ dataDir: origin, clock });
  await signer.update((draft) => {
    draft.targets("publisher").set("models/a/1/manifest.json", target("1"));
    draft.targets("serving").set("serving/a.json", target("config"));
  });
});
afterAll(() => rm(base, { recursive: true, force: true }));

async function paths(dataDir: string, store = new MemoryRecords()): Promise<string[]> {
  const device = folderDevice(dataDir, { clock, store });
  await device.poll();
  return [...(await device.list("models/")), ...(await device.list("serving/"))].map(({ path }) => path);
}

async function signersOf(dataDir: string, role: string): Promise<string[]> {
  return (await listKeys({ dataDir, clock })).roles.find((found) => found.role === role)?.keys.map(({ keyid }) => keyid) ?? [];
}

interface Scenario {
  /** Makes the folder that the change is made in. */
  readonly prepare?: (dataDir: string) => Promise<void>;
  readonly change: (dataDir: string, files: SignerFiles) => Promise<unknown>;
  /** Whether the change is in force. */
  readonly isNew: (dataDir: string) => Promise<boolean>;
  readonly found?: readonly string[];
}

async function cutEverywhere(name: string, torn: boolean, { prepare, change, isNew, found = EVERYTHING }: Scenario): Promise<string> {
  const from = join(base, `${name}-${torn}`);
  await cp(origin, from, { recursive: true });
  await prepare?.(from);
  const outcomes: string[] = [];
  for (let k = 0; ; k++) {
    if (k > 80) throw new Error("the change never ends");
    const dataDir = join(base, `${name}-${torn}-${k}`);
    await cp(from, dataDir, { recursive: true });
    const store = new MemoryRecords();
    await paths(dataDir, store);
    const files = failingFiles(k, torn);
    await change(dataDir, files).catch((error: unknown) => expect(error).toMatchObject({ code: "STORE_FAILED" }));
    const after = await isNew(dataDir);
    outcomes.push(after ? "new" : "old");
    const expected = after ? found : EVERYTHING;
    expect(await paths(dataDir, store), `a device that was there, cut at ${k}`).toEqual(expected);
    expect(await paths(dataDir), `a new device, cut at ${k}`).toEqual(expected);

    await change(dataDir, nodeFiles);
    expect(await isNew(dataDir)).toBe(true);
    expect(await paths(dataDir, store), `after the next run, cut at ${k}`).toEqual(found);
    if (!files.died()) break;
  }
  return outcomes.join(" ");
}

describe.each([false, true])("a power cut at any effect (torn: %s)", (torn) => {
  let signed: SigningRequest | undefined;

  // What a torn write could do is the same for all of them.
  test.each(torn ? ["targets"] : ["root", "targets", "snapshot", "timestamp", "serving"])("of a rotation of %s leaves the old key or the new one", async (role) => {
    const [old] = await signersOf(origin, role);
    const outcomes = await cutEverywhere(role, torn, {
      change: (dataDir, files) => changeKeys({ dataDir, clock, files, change: { kind: "rotate", role } satisfies KeyChange }),
      isNew: async (dataDir) => !(await signersOf(dataDir, role)).includes(old ?? ""),
    });
    expect(outcomes).toMatch(/^(old )+(new ?)+$/);
  }, 60_000);

  test("of putting a ceremony in place leaves the old keys or the new ones, and the same file finishes it", async () => {
    const outcomes = await cutEverywhere("ceremony", torn, {
      prepare: async (dataDir) => {
        const { request } = await prepareKeys({ dataDir, clock, change: { kind: "rotate", role: "targets" } });
        const away = [join(base, `root-${torn}.json`), join(base, `targets-${torn}.json`)];
        for (const [place, role] of ["root", "targets"].entries()) await rename(join(dataDir, "keys", `${role}.json`), away[place] ?? "");
        const keys = await Promise.all(away.map((path) => readKeyFile(path)));
        signed = (await signRequest(request, keys)).request;
      },
      change: (dataDir, files) => applyRequest(signed ?? expect.unreachable(), { dataDir, clock, files }),
      isNew: async (dataDir) => (await listKeys({ dataDir, clock })).roles.find(({ role }) => role === "root")?.version === 2,
    });
    expect(outcomes).toMatch(/^(old )+(new ?)+$/);
  }, 60_000);
  test("of accepting a publisher's metadata leaves what was published before, or that", async () => {
    const path = "models/digits/1/manifest.json";
    const keysFolder = join(base, `publisher-${torn}`);
    let bytes = new Uint8Array();
    const outcomes = await cutEverywhere("accept", torn, {
      prepare: async (dataDir) => {
        const { made } = await changeKeys({ dataDir, clock, change: { kind: "add", role: "publisher" } });
        await cp(join(dataDir, "keys", made?.name ?? ""), join(keysFolder, "key.json"));
        const keys = await openKeyFolder(keysFolder).read();
        const [key] = keys;
        await changeKeys({ dataDir, clock, change: { kind: "delegate", model: modelName("digits"), keys: key === undefined ? [] : [key], threshold: 1 } });
        const first = await signDelegatedRole({ role: "publisher-digits", previous: undefined, targets: new Map(), keys, clock });
        await acceptRole({ dataDir, clock, role: "publisher-digits", bytes: first, storage: createFolderStorage(dataDir) });
        bytes = await signDelegatedRole({ role: "publisher-digits", previous: parseMetadata("targets", first, "it"), targets: new Map([[path, target("digits")]]), keys, clock });
        await createFolderStorage(dataDir).write(targetPath(path, target("digits").sha256), encode("digits"));
      },
      change: (dataDir, files) => acceptRole({ dataDir, clock, files, role: "publisher-digits", bytes, storage: createFolderStorage(dataDir) }),
      isNew: async (dataDir) => (await listKeys({ dataDir, clock })).roles.find(({ role }) => role === "publisher-digits")?.version === 2,
      found: ["models/a/1/manifest.json", path, "serving/a.json"],
    });
    expect(outcomes).toMatch(/^(old )+(new ?)+$/);
    expect(await readFile(join(base, `accept-${torn}-0`, "metadata", "2.publisher-digits.json"))).toEqual(Buffer.from(bytes));
  }, 60_000);
});

describe.each(["timestamp", "snapshot", "targets"])("a power cut at any effect of replacing a key of %s that was lost", (role) => {
  test("keeps a new device waiting at worst, and whoever signs next completes it", async () => {
    const outcomes: string[] = [];
    for (let k = 0; ; k++) {
      if (k > 80) throw new Error("the change never ends");
      const dataDir = join(base, `lost-${role}-${k}`);
      await cp(origin, dataDir, { recursive: true });
      await rm(join(dataDir, "keys", `${role}.json`));
      const store = new MemoryRecords();
      await paths(dataDir, store);
      const files = failingFiles(k, false);
      await changeKeys({ dataDir, clock, files, change: { kind: "rotate", role } }).catch((error: unknown) => expect(error).toMatchObject({ code: "STORE_FAILED" }));
      const { roles } = await listKeys({ dataDir, clock });
      const isNew = roles.find((found) => found.role === "root")?.version === 2;
      const waits = await paths(dataDir).then(
        (all) => expect(all).toEqual(EVERYTHING),
        (error: unknown) => {
          expect(error).toMatchObject({ code: "METADATA_UNSIGNED" });
          return true;
        },
      );
      outcomes.push(waits === true ? "waits" : isNew ? "new" : "old");

      if (isNew) await (await openSigner({ dataDir, clock })).renewIfDue();
      else await changeKeys({ dataDir, clock, change: { kind: "rotate", role } });
      expect(await paths(dataDir, store), `after the next signing, cut at ${k}`).toEqual(EVERYTHING);
      expect(await paths(dataDir)).toEqual(EVERYTHING);
      if (!files.died()) break;
    }
    expect(outcomes.join(" ")).toMatch(/^(old )+(waits )+(new ?)+$/);
  }, 60_000);
});
