import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { modelName } from "../../../protocol/names.ts";
import { applyRequest, changeKeys, initKeys, listKeys, mergeRequests, openKeyFolder, openSigner, parsePublicKey, parseRequest, prepareKeys, prepareRenewal, printRequest, readKeyFile, newKeyFiles, signRequest, stillAsked, type KeyChange, type NamedKey, type SigningRequest } from "../../../sync-server/sign/index.ts";
import { DAY, encode, MemoryRecords, sha256, TestClock } from "../tuf/test-repository.ts";
import { folderDevice } from "./folder-device.ts";

let base: string;
let dataDir: string;
let clock: TestClock;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "ashore-keys-"));
  dataDir = join(base, "data");
  clock = new TestClock();
  await initKeys(dataDir);
  const signer = await openSigner({ dataDir, clock });
  await signer.update((draft) => {
    draft.targets("publisher").set("models/a/1/manifest.json", target("1"));
    draft.targets("serving").set("serving/a.json", target("config"));
  });
});
afterEach(() => rm(base, { recursive: true, force: true }));

const target = (content: string) => ({ sha256: sha256(encode(content)), length: encode(content).length });
const change = (wanted: KeyChange, more: { readonly encrypt?: boolean; readonly passphrase?: string } = {}) => changeKeys({ dataDir, clock, change: wanted, ...more });
const prepare = async (wanted: KeyChange): Promise<SigningRequest> => (await prepareKeys({ dataDir, clock, change: wanted })).request;
const apply = (request: SigningRequest) => applyRequest(request, { dataDir, clock });
const keyidsOf = async (role: string): Promise<string[]> => (await listKeys({ dataDir, clock })).roles.find((found) => found.role === role)?.keys.map(({ keyid }) => keyid) ?? [];
const files = async (): Promise<string[]> => [...(await readdir(join(dataDir, "metadata"))), ...(await readdir(join(dataDir, "keys")))].sort();

/** Everything that a device finds, after it took all of it in. */
async function found(device = folderDevice(dataDir, { clock })): Promise<{ readonly root: number; readonly paths: readonly string[] }> {
  const { versions } = await device.poll();
  return { root: versions.root, paths: [...(await device.list("models/")), ...(await device.list("serving/"))].map(({ path }) => path) };
}
const EVERYTHING = ["models/a/1/manifest.json", "serving/a.json"];

/** Somebody else's computer: a key pair in a folder of its own. */
async function holder(name: string): Promise<{ readonly key: NamedKey; sign(request: SigningRequest): Promise<SigningRequest> }> {
  const path = join(base, name, "key.json");
  const { publicPath } = await newKeyFiles(path);
  return {
    key: await parsePublicKey(await readFile(publicPath), publicPath),
    // What travels is bytes.
    sign: async (request) => (await signRequest(parseRequest(printRequest(request), name), [await readKeyFile(path)])).request,
  };
}

/** Takes the keys of a role out of the folder; they sign from where they are then. */
async function moveAway(role: string): Promise<(request: SigningRequest) => Promise<SigningRequest>> {
  const path = join(base, `${role}.away.json`);
  await rename(join(dataDir, "keys", `${role}.json`), path);
  return async (request) => (await signRequest(request, [await readKeyFile(path)])).request;
}

describe("a rotation", () => {
  test.each(["root", "targets", "snapshot", "timestamp", "publisher", "serving"])("of %s is followed by a device that knew the old key and by a new one, and the old key signs no more", async (role) => {
    const known = folderDevice(dataDir, { clock });
    const before = await found(known);
    const [old] = await keyidsOf(role);
    const { published, made } = await change({ kind: "rotate", role });
    expect(await keyidsOf(role)).toEqual([made?.keyid]);
    expect(made?.name).toBe(`${role}.${made?.keyid.slice(0, 8)}.json`);
    expect([...published.keys()]).toContain(["publisher", "serving"].includes(role) ? "targets" : "root");
    expect(await found(known)).toEqual({ ...before, root: ["publisher", "serving"].includes(role) ? 1 : 2 });
    expect((await found()).paths).toEqual(EVERYTHING);
    expect((await listKeys({ dataDir, clock })).unused).toEqual([{ keyid: old, where: "here", file: `${role}.json` }]);

    // The old key's file is of no use any more, and without it everything is still signed.
    await rm(join(dataDir, "keys", `${role}.json`));
    const signer = await openSigner({ dataDir, clock });
    await signer.update((draft) => draft.targets("publisher").set("models/a/2/manifest.json", target("2")));
    expect((await found(known)).paths).toHaveLength(3);
  });

  test("of the root, three times, is walked by a device that pinned the first, over every root between", async () => {
    const first = new Uint8Array(await readFile(join(dataDir, "metadata", "1.root.json")));
    const store = new MemoryRecords();
    await found(folderDevice(dataDir, { clock, store, root: first }));
    for (const version of [2, 3, 4]) expect((await change({ kind: "rotate", role: "root" })).published.get("root")).toBe(version);
    const asked: string[] = [];
    const walking = folderDevice(dataDir, { clock, store, root: first, onFetch: (path) => asked.push(path) });
    expect(await found(walking)).toEqual({ root: 4, paths: EVERYTHING });
    expect(asked.filter((path) => path.includes("root"))).toEqual(["/metadata/2.root.json", "/metadata/3.root.json", "/metadata/4.root.json", "/metadata/5.root.json"]);
    expect(await walking.poll()).toMatchObject({ trustReset: false });
    // With one of them missing nothing later counts.
    await rm(join(dataDir, "metadata", "3.root.json"));
    const stuck = folderDevice(dataDir, { clock, root: first });
    expect((await stuck.poll()).versions.root).toBe(2);
  });

  test("makes no use of a key that a thief took: what the old key signs is refused", async () => {
    const known = folderDevice(dataDir, { clock });
    await found(known);
    const thief = join(base, "thief");
    await cp(dataDir, thief, { recursive: true });
    await change({ kind: "rotate", role: "timestamp" });
    await found(known);
    const stolen = await openSigner({ dataDir: thief, clock });
    for (let i = 0; i < 9; i++) await stolen.update((draft) => draft.targets("serving").set("serving/a.json", target(`evil ${i}`)));
    await cp(join(thief, "metadata", "timestamp.json"), join(dataDir, "metadata", "timestamp.json"));
    await expect(known.poll()).rejects.toMatchObject({ code: "METADATA_UNSIGNED" });
  });
});

describe("a lost key", () => {
  test.each(["targets", "snapshot", "timestamp"])("of %s is replaced by the root's word alone", async (role) => {
    const known = folderDevice(dataDir, { clock });
    await found(known);
    await rm(join(dataDir, "keys", `${role}.json`));
    const { published } = await change({ kind: "rotate", role });
    expect(published.get("root")).toBe(2);
    expect(await found(known)).toEqual({ root: 2, paths: EVERYTHING });
    expect(await found()).toEqual({ root: 2, paths: EVERYTHING });
  });

  test("of the root, below its threshold, is beyond help, and is said to be", async () => {
    await rm(join(dataDir, "keys", "root.json"));
    const before = await files();
    await expect(change({ kind: "rotate", role: "root" })).rejects.toMatchObject({ code: "KEY_MISSING" });
    expect(await files()).toEqual(before);
  });
});

describe("keys and thresholds", () => {
  test("two of three root keys: none alone changes anything, any two do", async () => {
    const [second, third] = [await holder("second"), await holder("third")];
    await change({ kind: "add", role: "root", key: second.key });
    await change({ kind: "add", role: "root", key: third.key });
    // The new threshold must be met by the root that sets it, and the second key is elsewhere.
    await expect(change({ kind: "threshold", role: "root", threshold: 2 })).rejects.toMatchObject({ code: "KEY_MISSING" });
    const raise = await prepare({ kind: "threshold", role: "root", threshold: 2 });
    await expect(apply(raise)).rejects.toMatchObject({ code: "KEY_MISSING" });
    await apply(await second.sign(raise));
    expect((await found()).root).toBe(4);

    const first = await moveAway("root");
    const rotate = await prepare({ kind: "rotate", role: "targets" });
    expect(stillAsked(rotate).get("root")).toMatchObject([{ threshold: 2 }]);
    for (const alone of [await second.sign(rotate), await third.sign(rotate), await first(rotate)]) await expect(apply(alone)).rejects.toMatchObject({ code: "KEY_MISSING" });
    const [copy, other] = [await second.sign(rotate), await third.sign(rotate)];
    const { published } = await apply(mergeRequests([copy, other]));
    expect(published.get("root")).toBe(5);
    expect(await found()).toEqual({ root: 5, paths: EVERYTHING });
  });

  test("what would strand devices is refused, and nothing is written", async () => {
    const before = await files();
    const [root = "", serving = ""] = [...(await keyidsOf("root")), ...(await keyidsOf("serving"))];
    for (const wanted of [
      { kind: "revoke", role: "root", keyid: root },
      { kind: "revoke", role: "serving", keyid: serving },
      { kind: "threshold", role: "root", threshold: 2 },
    ] as const) {
      await expect(change(wanted)).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
      await expect(prepare(wanted)).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    }
    const { key } = await holder("elsewhere");
    for (const role of ["timestamp", "snapshot"]) await expect(change({ kind: "rotate", role, key })).rejects.toMatchObject({ code: "FAILED_PRECONDITION", message: expect.stringContaining("Nothing could be published") as unknown });
    expect(await files()).toEqual(before);
    expect((await found()).root).toBe(1);
  });

  test("a key that was added is taken away again", async () => {
    const { key } = await holder("second");
    await change({ kind: "add", role: "publisher", key });
    expect(await keyidsOf("publisher")).toHaveLength(2);
    await change({ kind: "revoke", role: "publisher", keyid: key.keyid.slice(0, 12) });
    expect(await keyidsOf("publisher")).toHaveLength(1);
    expect((await found()).paths).toEqual(EVERYTHING);
  });

  test("a change that is asked for while keys are elsewhere writes nothing", async () => {
    await moveAway("root");
    const before = await files();
    await expect(change({ kind: "rotate", role: "timestamp" })).rejects.toMatchObject({ code: "KEY_MISSING", message: expect.stringContaining("--prepare") as unknown });
    expect(await files()).toEqual(before);
  });
});

describe("a model that is given to its publisher", () => {
  test("is signed for by that publisher alone; the others stay with the server", async () => {
    const { key } = await holder("publisher");
    await change({ kind: "delegate", model: modelName("digits"), keys: [key], threshold: 1 });
    const signer = await openSigner({ dataDir, clock });
    await expect(signer.update((draft) => draft.targets("publisher").set("models/digits/1/manifest.json", target("1")))).rejects.toMatchObject({ code: "NAME_INVALID", message: expect.stringContaining("publisher-digits") as unknown });
    await expect(signer.update((draft) => draft.targets("publisher-digits"))).rejects.toMatchObject({ code: "KEY_MISSING" });
    await signer.update((draft) => draft.targets("publisher").set("models/a/2/manifest.json", target("2")));
    const device = folderDevice(dataDir, { clock });
    await device.poll();
    expect(await device.find("models/a/2/manifest.json")).toMatchObject({ role: "publisher" });
  });

  test("takes along what the server signed of it, once the publisher signed that too", async () => {
    const publisher = await holder("publisher");
    const wanted: KeyChange = { kind: "delegate", model: modelName("a"), keys: [publisher.key], threshold: 1 };
    await expect(change(wanted)).rejects.toMatchObject({ code: "KEY_MISSING", message: expect.stringContaining("publisher-a") as unknown });
    const request = await prepare(wanted);
    expect(request.documents.map(({ role }) => role)).toEqual(["targets", "publisher-a"]);
    await expect(apply(request)).rejects.toMatchObject({ code: "KEY_MISSING" });
    await apply(await publisher.sign(request));
    const device = folderDevice(dataDir, { clock });
    expect((await found(device)).paths).toEqual(EVERYTHING);
    expect(await device.find("models/a/1/manifest.json")).toMatchObject({ role: "publisher-a", ...target("1") });
  });

  test("a publisher whose key was stolen is replaced, and signs what it stands by anew", async () => {
    const [old, next] = [await holder("old"), await holder("next")];
    const delegation = await prepare({ kind: "delegate", model: modelName("a"), keys: [old.key], threshold: 1 });
    await apply(await old.sign(delegation));
    const request = await prepare({ kind: "rotate", role: "publisher-a", key: next.key });
    await expect(apply(await old.sign(request))).rejects.toMatchObject({ code: "KEY_MISSING" });
    await apply(await next.sign(request));
    expect((await found()).paths).toEqual(EVERYTHING);
    expect(await keyidsOf("publisher-a")).toEqual([next.key.keyid]);
  });
});

describe("an offline ceremony", () => {
  test("root and targets keys that never come back to the server change who signs", async () => {
    const [root, targets] = [await moveAway("root"), await moveAway("targets")];
    const offline = async (request: SigningRequest): Promise<SigningRequest> => targets(await root(request));
    // The server goes on by itself meanwhile.
    expect((await initKeys(dataDir)).created).toBe(false);
    const known = folderDevice(dataDir, { clock });
    await found(known);

    const request = await prepare({ kind: "rotate", role: "timestamp" });
    expect(request.documents.map(({ role }) => role)).toEqual(["root"]);
    const signer = await openSigner({ dataDir, clock });
    await signer.update((draft) => draft.targets("publisher").set("models/a/2/manifest.json", target("2")));
    const signed = await offline(request);
    expect((await apply(signed)).published.get("root")).toBe(2);
    expect((await found(known)).root).toBe(2);
    expect((await apply(signed)).published.size, "a second time changes nothing").toBe(0);

    await apply(await offline(await prepare({ kind: "rotate", role: "serving" })));
    expect((await found(known)).paths).toHaveLength(3);
  });

  test("keys of the targets role are exchanged with all of them elsewhere", async () => {
    const [root, targets, next] = [await moveAway("root"), await moveAway("targets"), await holder("next")];
    const request = await prepare({ kind: "rotate", role: "targets", key: next.key });
    expect(request.documents.map(({ role }) => role)).toEqual(["root", "targets"]);
    const half = await next.sign(request);
    await expect(apply(half)).rejects.toMatchObject({ code: "KEY_MISSING" });
    // The old key signs too, so that devices find everything signed at every moment; it could be lost.
    const enough = await root(half);
    expect(stillAsked(enough).get("targets")).toMatchObject([{ outgoing: true, threshold: 1 }]);
    const lost = join(base, "lost");
    await cp(dataDir, lost, { recursive: true });
    await applyRequest(enough, { dataDir: lost, clock });
    expect(await found(folderDevice(lost, { clock }))).toEqual({ root: 2, paths: EVERYTHING });
    await apply(await targets(enough));
    expect(await found()).toEqual({ root: 2, paths: EVERYTHING });
  });

  test("what was changed on its way, or prepared on another state, is refused", async () => {
    const root = await moveAway("root");
    const before = await files();
    const request = await root(await prepare({ kind: "add", role: "root", key: (await holder("other")).key }));
    const bytes = new TextDecoder().decode(printRequest(request));
    const tampered = parseRequest(encode(bytes.replace(/"expires": "2031/, '"expires": "2032')), "the file");
    await expect(apply(tampered)).rejects.toMatchObject({ code: "METADATA_UNSIGNED" });
    expect(await files()).toEqual(before);

    const other = await root(await prepare({ kind: "rotate", role: "timestamp" }));
    await apply(request);
    await expect(apply(other)).rejects.toMatchObject({ code: "ABORTED", message: expect.stringContaining("prepare it again") as unknown });
    expect(() => mergeRequests([request, other])).toThrow(expect.objectContaining({ code: "USAGE" }));
    clock.advance(400 * DAY);
    const late = await root(await prepare({ kind: "rotate", role: "serving" }));
    clock.advance(400 * DAY);
    await expect(apply(late)).rejects.toMatchObject({ code: "METADATA_EXPIRED" });
  });

  test.each([
    ["nothing at all", {}],
    ["a snapshot, which only the server signs", { format: "ashore signing request", formatVersion: 1, documents: [{ role: "snapshot", signers: [], signed: { version: 1 }, signatures: [] }] }],
    ["what is no metadata", { format: "ashore signing request", formatVersion: 1, documents: [{ role: "root", signers: [], signed: { version: 1 }, signatures: [] }] }],
  ])("a file that asks for %s is refused", (_, json) => {
    expect(() => parseRequest(encode(JSON.stringify(json)), "FILE")).toThrow(expect.objectContaining({ code: expect.stringMatching(/^(SCHEMA_INVALID|METADATA_MALFORMED)$/) as unknown }));
  });

  test("an offline root is renewed", async () => {
    const root = await moveAway("root");
    expect(await prepareRenewal({ dataDir, clock })).toBeUndefined();
    clock.advance(200 * DAY);
    const request = await prepareRenewal({ dataDir, clock });
    expect(request?.documents.map(({ role, signed }) => `${role} ${signed.version}`)).toEqual(["root 2"]);
    if (request !== undefined) await apply(await root(request));
    await (await openSigner({ dataDir, clock })).renewIfDue();
    clock.advance(300 * DAY);
    await (await openSigner({ dataDir, clock })).renewIfDue();
    expect((await found()).root).toBe(2);
  });
});

describe("encrypted keys", () => {
  test("sign with their passphrase, and not without", async () => {
    const passphrase = "pass phrase";
    const { made } = await change({ kind: "rotate", role: "targets" }, { encrypt: true, passphrase });
    const text = await readFile(join(dataDir, "keys", made?.name ?? ""), "utf8");
    expect(text).not.toContain("PRIVATE KEY");
    await expect(change({ kind: "rotate", role: "serving" })).rejects.toMatchObject({ code: "KEY_LOCKED" });
    await expect(change({ kind: "rotate", role: "serving" }, { passphrase: "another" })).rejects.toMatchObject({ code: "KEY_LOCKED", message: expect.stringContaining(made?.name ?? "") as unknown });
    expect((await listKeys({ dataDir, clock })).roles.find(({ role }) => role === "targets")?.keys).toMatchObject([{ where: "locked" }]);
    expect((await change({ kind: "rotate", role: "serving" }, { passphrase })).published.get("targets")).toBe(3);
    expect((await found()).paths).toEqual(EVERYTHING);
  });

  test("one whose public half was exchanged does not open", async () => {
    const [one, two] = [join(base, "one.json"), join(base, "two.json")];
    for (const path of [one, two]) await newKeyFiles(path, { encrypt: true, passphrase: "p" });
    const read = async (path: string) => JSON.parse(await readFile(path, "utf8")) as { public: string };
    await writeFile(one, JSON.stringify({ ...(await read(one)), public: (await read(two)).public }));
    const key = await readKeyFile(one, { passphrase: "p" });
    await expect(key.sign(new Uint8Array(1))).rejects.toMatchObject({ code: "KEY_LOCKED" });
  });

  test("a server whose timestamp key is locked says so at its start", async () => {
    await change({ kind: "rotate", role: "timestamp" }, { encrypt: true, passphrase: "p" });
    await expect(openSigner({ dataDir, clock })).rejects.toMatchObject({ code: "KEY_LOCKED" });
    const signer = await openSigner({ dataDir, clock, passphrase: "p" });
    expect((await signer.update((draft) => draft.targets("serving").set("serving/a.json", target("2")))).changed).toBe(true);
  });

  test("an empty passphrase is none", async () => {
    const before = await files();
    await expect(change({ kind: "rotate", role: "root" }, { encrypt: true, passphrase: "" })).rejects.toMatchObject({ code: "USAGE" });
    expect(await files()).toEqual(before);
    expect(await openKeyFolder(join(dataDir, "keys")).read()).toHaveLength(6);
  });
});
