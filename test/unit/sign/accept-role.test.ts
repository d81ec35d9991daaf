import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { modelName } from "../../../protocol/names.ts";
import { parseMetadata } from "../../../protocol/tuf/index.ts";
import { acceptRole, changeKeys, initKeys, newKeyFiles, openSigner, parsePublicKey, readKeyFile, signDelegatedRole, type SignedTarget, type SigningKey } from "../../../sync-server/sign/index.ts";
import { createFolderStorage, targetPath } from "../../../sync-server/storage/index.ts";
import type { Clock } from "../../../sync-server/ports.ts";
import { systemClock } from "../../../sync-server/system-clock.ts";
import { DAY, encode, sha256, TestClock } from "../tuf/test-repository.ts";
import { folderDevice } from "./folder-device.ts";

const ROLE = "publisher-digits";
const PATH = "models/digits/1/manifest.json";
const target = (content: string): SignedTarget => ({ sha256: sha256(encode(content)), length: encode(content).length });

let base: string;
let dataDir: string;
let clock: TestClock;
let keys: SigningKey[];

async function makeKey(name: string): Promise<SigningKey> {
  const path = join(base, name);
  await newKeyFiles(path);
  return readKeyFile(path);
}

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "ashore-accept-"));
  dataDir = join(base, "data");
  clock = new TestClock();
  await initKeys(dataDir);
  await openSigner({ dataDir, clock });
  keys = [await makeKey("one.json"), await makeKey("two.json")];
  await changeKeys({ dataDir, clock, change: { kind: "delegate", model: modelName("digits"), keys, threshold: 2 } });
  await upload(PATH, "manifest");
});
afterEach(() => rm(base, { recursive: true, force: true }));

const upload = (path: string, content: string) => createFolderStorage(dataDir).write(targetPath(path, sha256(encode(content))), encode(content));
const accept = (bytes: Uint8Array<ArrayBuffer>, role = ROLE, at: Clock = clock) => acceptRole({ dataDir, clock: at, role, bytes, storage: createFolderStorage(dataDir) });
const signed = (targets: Readonly<Record<string, SignedTarget>>, previous?: Uint8Array<ArrayBuffer>, by: readonly SigningKey[] = keys) =>
  signDelegatedRole({ role: ROLE, previous: previous && parseMetadata("targets", previous, "it"), targets: new Map(Object.entries(targets)), keys: by, clock });
const metadata = async (): Promise<string[]> => (await readdir(join(dataDir, "metadata"))).sort();

test("what a publisher signed is published byte for byte, and a device takes it", async () => {
  const bytes = await signed({ [PATH]: target("manifest") });
  expect(await accept(bytes)).toEqual({ changed: true, version: 1 });
  expect(new Uint8Array(await readFile(join(dataDir, "metadata", `1.${ROLE}.json`)))).toEqual(bytes);
  const device = folderDevice(dataDir, { clock });
  await device.poll();
  const found = await device.find(PATH);
  expect(found).toMatchObject({ role: ROLE, roleVersion: 1, ...target("manifest") });
  expect(found && (await device.fetchTarget(found))).toEqual(encode("manifest"));

  const before = await metadata();
  expect(await accept(bytes), "asked again").toEqual({ changed: false, version: 1 });
  expect(await metadata()).toEqual(before);

  await upload("models/digits/2/manifest.json", "second");
  const second = await signed({ [PATH]: target("manifest"), "models/digits/2/manifest.json": target("second") }, bytes);
  expect(await accept(second)).toEqual({ changed: true, version: 2 });
  clock.advance(31 * DAY);
  await (await openSigner({ dataDir, clock })).renewIfDue();
  await device.poll();
  expect(await device.find("models/digits/2/manifest.json"), "a publisher's word is good for longer than a server's").toMatchObject({ roleVersion: 2 });
});

test.each<[string, string, () => Promise<unknown>]>([
  ["too few of its keys", "METADATA_UNSIGNED", async () => accept(await signed({ [PATH]: target("manifest") }, undefined, keys.slice(0, 1)))],
  ["keys of somebody else", "METADATA_UNSIGNED", async () => accept(await signed({ [PATH]: target("manifest") }, undefined, [await makeKey("x.json"), await makeKey("y.json")]))],
  ["a role that nobody delegates to", "NOT_FOUND", async () => accept(await signed({}), "publisher-other")],
  ["a role of the server's own", "NOT_FOUND", async () => accept(await signed({}), "targets")],
  ["the role of another publisher", "METADATA_UNSIGNED", async () => accept(await signed({}), "serving")],
  ["a path of another model", "NAME_INVALID", async () => accept(await signed({ "models/other/1/manifest.json": target("manifest") }))],
  ["a path that climbs", "NAME_INVALID", async () => accept(await signed({ "models/digits/../manifest.json": target("manifest") }))],
  ["a target that was not uploaded", "TARGET_NOT_FOUND", async () => accept(await signed({ "models/digits/9/manifest.json": target("manifest") }))],
  ["a target of another length", "SIZE_MISMATCH", async () => accept(await signed({ [PATH]: { ...target("manifest"), length: 9 } }))],
  ["what is no metadata", "METADATA_MALFORMED", async () => accept(encode("{}"))],
  ["what has expired", "METADATA_EXPIRED", async () => {
    const bytes = await signed({});
    clock.advance(366 * DAY);
    return accept(bytes);
  }],
  ["a number that was left out", "ALREADY_EXISTS", async () => accept(await signed({}, await signed({})))],
  ["a number that was published before", "ALREADY_EXISTS", async () => {
    await accept(await signed({}));
    return accept(await signed({ [PATH]: target("manifest") }));
  }],
])("%s is refused", async (_, code, attempt) => {
  await expect(attempt()).rejects.toMatchObject({ code });
  expect((await metadata()).filter((name) => name.includes(ROLE)).length, "nothing of it was published").toBe(code === "ALREADY_EXISTS" && (await metadata()).includes(`1.${ROLE}.json`) ? 1 : 0);
});

test("a target whose bytes are others is refused", async () => {
  await createFolderStorage(dataDir).write(targetPath(PATH, target("manifest").sha256), encode("another!"));
  await expect(accept(await signed({ [PATH]: target("manifest") }))).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
});

test("two publishers that sign the same number: one is published, the other is told to take that in", async () => {
  // One waits for the other's lock.
  const outcomes = await Promise.allSettled([accept(await signed({}), ROLE, systemClock), accept(await signed({ [PATH]: target("manifest") }), ROLE, systemClock)]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(outcomes.find((outcome) => outcome.status === "rejected")?.reason).toMatchObject({ code: "ALREADY_EXISTS" });
});

test("a public key file may hold what metadata lists, and its id is computed", async () => {
  const { keyid, public: half } = keys[0] ?? expect.unreachable();
  const listed = encode(JSON.stringify({ keyid: "forged", keytype: half.keytype, scheme: half.scheme, keyval: { public: half.public } }));
  expect(await parsePublicKey(listed, "key")).toEqual({ keyid, public: half });
  await expect(parsePublicKey(encode('{"keytype":"rsa"}'), "key")).rejects.toMatchObject({ code: "SCHEMA_INVALID" });
  await expect(parsePublicKey(encode('{"keytype":"dsa","scheme":"dsa","public":"x"}'), "key")).rejects.toMatchObject({ code: "KEY_UNSUPPORTED" });
});
