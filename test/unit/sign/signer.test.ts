import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Trust } from "../../../runtime/trust/index.ts";
import { initKeys, openSigner, type Signer, type SignerOptions } from "../../../sync-server/sign/index.ts";
import { nodeFiles } from "../../../sync-server/sign/signer-files.ts";
import { systemClock } from "../../../sync-server/system-clock.ts";
import { consistentTargetPath } from "../../../protocol/tuf/index.ts";
import { DAY, encode, MemoryRecords, sha256, TestClock } from "../tuf/test-repository.ts";
import { folderDevice } from "./folder-device.ts";

let dataDir: string;
const clock = new TestClock();
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "ashore-sign-"));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

async function open(options: Partial<SignerOptions> = {}): Promise<Signer> {
  await initKeys(dataDir);
  return openSigner({ dataDir, clock, ...options });
}

const device = (store = new MemoryRecords(), deviceClock = clock): Trust => folderDevice(dataDir, { store, clock: deviceClock });

const target = (content: string, custom?: Record<string, unknown>) => ({ sha256: sha256(encode(content)), length: encode(content).length, ...(custom && { custom }) });
const PATH = "models/digits/1/manifest.json";
const metadataFiles = async (): Promise<string[]> => (await readdir(join(dataDir, "metadata"))).sort();

describe("keys", () => {
  test("are made once, for their owner alone, and say what they are for", async () => {
    const first = await initKeys(dataDir);
    expect(first.created).toBe(true);
    expect(Object.keys(first.keyids).sort()).toEqual(["publisher", "root", "serving", "snapshot", "targets", "timestamp"]);
    expect(new Set(Object.values(first.keyids)).size).toBe(6);
    for (const role of Object.keys(first.keyids)) {
      const path = join(dataDir, "keys", `${role}.json`);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ role, development: true, keyid: first.keyids[role], private: expect.stringContaining("BEGIN PRIVATE KEY") as unknown });
    }
    expect((await stat(join(dataDir, "keys"))).mode & 0o777).toBe(0o700);
    expect(await initKeys(dataDir)).toEqual({ ...first, created: false });
  });

  test("that are lost are not replaced where devices may trust the old ones", async () => {
    await open();
    await rm(join(dataDir, "keys", "timestamp.json"));
    await expect(initKeys(dataDir)).rejects.toMatchObject({ code: "KEY_MISSING", message: expect.stringContaining("timestamp") as unknown });
  });

  test("two that start at once make one set", async () => {
    const [a, b] = await Promise.all([initKeys(dataDir), initKeys(dataDir)]);
    expect(a.keyids).toEqual(b.keyids);
    expect([a.created, b.created].filter((created) => created)).toEqual([true]);
  });

  test("a key file that is damaged is named, without its secret", async () => {
    await initKeys(dataDir);
    const path = join(dataDir, "keys", "root.json");
    const secret = (JSON.parse(await readFile(path, "utf8")) as { private: string }).private;
    await writeFile(path, (await readFile(path, "utf8")).replace("ecdsa-sha2-nistp256", "other"));
    const error = await openSigner({ dataDir, clock }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "STORE_CORRUPT", message: expect.stringContaining(path) as unknown });
    expect(JSON.stringify([String(error), String((error as Error).cause)])).not.toContain(secret.slice(40, 80));
  });

  test("no repository is made without them", async () => {
    await expect(openSigner({ dataDir, clock })).rejects.toMatchObject({ code: "KEY_MISSING" });
  });
});

describe("what is published reaches a device", () => {
  test("a first repository, then a version, then a serving config", async () => {
    const signer = await open();
    expect(await metadataFiles()).toEqual(["1.publisher.json", "1.root.json", "1.serving.json", "1.snapshot.json", "1.targets.json", "timestamp.json"]);
    const trust = device();
    expect(await trust.poll()).toMatchObject({ changed: true, versions: { root: 1, timestamp: 1, snapshot: 1, targets: 1 } });
    expect(await trust.find(PATH)).toBeUndefined();

    const result = await signer.update((draft) => draft.targets("publisher").set(PATH, target("manifest", { minVersion: 1, source: "sha256:00" })));
    expect(result).toMatchObject({ changed: true, state: { versions: { root: 1, timestamp: 2, snapshot: 2 } } });
    await signer.update((draft) => draft.targets("serving").set("serving/digits.json", target("config")));
    expect((await metadataFiles()).filter((name) => !name.startsWith("1."))).toEqual(["2.publisher.json", "2.serving.json", "2.snapshot.json", "3.snapshot.json", "timestamp.json"]);

    expect(await trust.poll()).toMatchObject({ changed: true, versions: { timestamp: 3, snapshot: 3, targets: 1 } });
    expect(await trust.find(PATH)).toMatchObject({ ...target("manifest"), custom: { minVersion: 1, source: "sha256:00" }, role: "publisher", roleVersion: 2 });
    expect(await trust.find("serving/digits.json")).toMatchObject({ role: "serving", roleVersion: 2 });

    const folder = join(dataDir, "targets", "serving");
    await mkdir(folder, { recursive: true });
    await writeFile(join(dataDir, "targets", consistentTargetPath("serving/digits.json", target("config").sha256)), "config");
    const found = await trust.find("serving/digits.json");
    expect(found && (await trust.fetchTarget(found))).toEqual(encode("config"));
  });

  test("a change that changes nothing signs nothing", async () => {
    const signer = await open();
    await signer.update((draft) => draft.targets("publisher").set(PATH, target("a")));
    const before = await metadataFiles();
    const again = await signer.update((draft) => {
      draft.targets("serving");
      draft.targets("publisher").delete(PATH);
      draft.targets("publisher").set(PATH, target("a"));
    });
    expect(again.changed).toBe(false);
    expect(again.state.roles.get("publisher")?.targets.get(PATH)).toEqual(target("a"));
    expect(await metadataFiles()).toEqual(before);
  });

  test("several roles in one change are one step for a device", async () => {
    const signer = await open();
    const { state } = await signer.update((draft) => {
      draft.targets("publisher").set(PATH, target("a"));
      draft.targets("serving").set("serving/digits.json", target("b"));
    });
    expect(state.versions).toEqual({ root: 1, timestamp: 2, snapshot: 2 });
  });

  test("what another process signed is built upon", async () => {
    const [one, two] = [await open(), await openSigner({ dataDir, clock })];
    await one.update((draft) => draft.targets("publisher").set(PATH, target("a")));
    await two.update((draft) => draft.targets("publisher").set("models/digits/2/manifest.json", target("b")));
    expect([...((await one.read()).roles.get("publisher")?.targets.keys() ?? [])]).toEqual([PATH, "models/digits/2/manifest.json"]);
  });

  test("many at once all land", async () => {
    const signers = [await open({ clock: systemClock }), await openSigner({ dataDir, clock: systemClock }), await openSigner({ dataDir, clock: systemClock })];
    await Promise.all(signers.flatMap((signer, s) => [0, 1, 2].map((i) => signer.update((draft) => draft.targets("publisher").set(`models/m${s}/${i + 1}/manifest.json`, target(`${s} ${i}`))))));
    const state = await signers[0]?.read();
    expect(state?.roles.get("publisher")?.targets.size).toBe(9);
    expect(state?.versions.timestamp).toBe(10);
    const today = new TestClock();
    today.time = Date.now();
    expect(await device(new MemoryRecords(), today).poll()).toMatchObject({ versions: { timestamp: 10 } });
  });
});

describe("what is refused before anything is signed", () => {
  test.each<[string, string, string, (draft: Parameters<Parameters<Signer["update"]>[0]>[0]) => void]>([
    ["a role that nobody delegates to", "NOT_FOUND", "nobody", (draft) => draft.targets("nobody")],
    ["a path of another role", "NAME_INVALID", "serving/x.json", (draft) => draft.targets("publisher").set("serving/x.json", target("a"))],
    ["a path that climbs", "NAME_INVALID", "models/../1/manifest.json", (draft) => draft.targets("publisher").set("models/../1/manifest.json", target("a"))],
    ["a path that is no ASCII", "NAME_INVALID", "é", (draft) => draft.targets("publisher").set("models/é/1/manifest.json", target("a"))],
    ["a fraction", "METADATA_MALFORMED", "0.5", (draft) => draft.targets("publisher").set(PATH, target("a", { share: 0.5 }))],
    ["a number past 2^53-1", "METADATA_MALFORMED", "9007199254740992", (draft) => draft.targets("publisher").set(PATH, target("a", { n: 2 ** 53 }))],
    ["a key that is no ASCII", "METADATA_MALFORMED", "é", (draft) => draft.targets("publisher").set(PATH, target("a", { é: 1 }))],
    ["a hash that is none", "METADATA_MALFORMED", "hexadecimal", (draft) => draft.targets("publisher").set(PATH, { sha256: "nope", length: 1 })],
    ["a change that throws", "INTERNAL", "no", () => { throw new TypeError("no"); }],
  ])("%s", async (what, code, words, change) => {
    const signer = await open();
    const before = await signer.read();
    await expect(signer.update(change)).rejects.toMatchObject({ ...(what === "a change that throws" ? { message: "no" } : { code }), message: expect.stringContaining(words) as unknown });
    expect(await signer.read()).toEqual(before);
    expect((await signer.update((draft) => draft.targets("publisher").set(PATH, target("a")))).changed).toBe(true);
  });

  test("a role whose key is somewhere else", async () => {
    const signer = await open();
    await rm(join(dataDir, "keys", "publisher.json"));
    expect((await signer.read()).roles.get("publisher")?.signable).toBe(false);
    await expect(signer.update((draft) => draft.targets("publisher").set(PATH, target("a")))).rejects.toMatchObject({ code: "KEY_MISSING" });
    expect((await signer.update((draft) => draft.targets("serving").set("serving/a.json", target("a")))).changed).toBe(true);
  });

  test("a key file whose halves are of two keys", async () => {
    const signer = await open();
    const [own, other] = ["publisher", "serving"].map((role) => join(dataDir, "keys", `${role}.json`));
    const read = async (path = ""): Promise<{ private: string }> => JSON.parse(await readFile(path, "utf8")) as { private: string };
    await writeFile(own ?? "", JSON.stringify({ ...(await read(own)), private: (await read(other)).private }));
    await expect(signer.update((draft) => draft.targets("publisher").set(PATH, target("a")))).rejects.toMatchObject({ code: "METADATA_UNSIGNED" });
    expect((await signer.read()).versions.timestamp).toBe(1);
  });

  test("metadata on the disk that does not prove itself is named", async () => {
    const signer = await open();
    const path = join(dataDir, "metadata", "1.serving.json");
    await writeFile(path, (await readFile(path, "utf8")).replace("1.0.34", "1.0.33"));
    await expect(signer.read()).rejects.toMatchObject({ code: "STORE_CORRUPT", message: expect.stringContaining(path) as unknown });
  });

  test("a caller who has gone", async () => {
    const signer = await open();
    await expect(signer.update((draft) => draft.targets("publisher").set(PATH, target("a")), { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("renewal", () => {
  test("each role past half of its life is signed again, and what names it; the content stays", async () => {
    const own = new TestClock();
    const signer = await open({ clock: own });
    await signer.update((draft) => draft.targets("serving").set("serving/a.json", target("a")));
    const trust = device(new MemoryRecords(), own);
    await trust.poll();
    expect((await signer.renewIfDue()).changed).toBe(false);

    own.advance(DAY / 2 + 1);
    expect(await signer.renewIfDue()).toMatchObject({ changed: true, state: { versions: { root: 1, timestamp: 3, snapshot: 2 } } });
    expect((await signer.renewIfDue()).changed).toBe(false);
    expect(await trust.poll()).toMatchObject({ changed: false, versions: { timestamp: 3 } });

    own.advance(15 * DAY);
    const month = await signer.renewIfDue();
    expect(month.state).toMatchObject({ versions: { root: 1, timestamp: 4, snapshot: 3 } });
    expect([...month.state.roles].map(([role, { version }]) => `${role} ${version}`)).toEqual(["targets 1", "publisher 2", "serving 3"]);

    own.advance(170 * DAY);
    expect(await signer.renewIfDue()).toMatchObject({ state: { versions: { root: 2, timestamp: 5, snapshot: 4 } } });
    expect((await signer.read()).roles.get("targets")?.version).toBe(2);
    expect(await trust.poll()).toMatchObject({ versions: { root: 2, timestamp: 5 } });
    expect(await trust.find("serving/a.json")).toMatchObject(target("a"));
  });

  test("a server that was off for years comes back by it", async () => {
    const own = new TestClock();
    const signer = await open({ clock: own });
    own.advance(1_000 * DAY);
    await expect(device(new MemoryRecords(), own).poll()).rejects.toMatchObject({ code: "METADATA_EXPIRED" });
    await signer.renewIfDue();
    expect(await device(new MemoryRecords(), own).poll()).toMatchObject({ versions: { root: 2 } });
  });

  test("keys that are somewhere else are not asked for", async () => {
    const own = new TestClock();
    const signer = await open({ clock: own });
    for (const role of ["root", "targets", "publisher"]) await rm(join(dataDir, "keys", `${role}.json`));
    own.advance(200 * DAY);
    const { state } = await signer.renewIfDue();
    expect([...state.roles].map(([role, { version }]) => `${role} ${version}`)).toEqual(["targets 1", "publisher 1", "serving 2"]);
    expect(state.versions).toEqual({ root: 1, timestamp: 2, snapshot: 2 });
  });

  test("fields that this program does not know survive it", async () => {
    const signer = await open({ lifetimes: { timestamp: 7 * DAY } });
    await signer.update((draft) => draft.targets("publisher").set(PATH, target("a", { "x-note": ["kept"] })));
    const { signed } = JSON.parse(await readFile(join(dataDir, "metadata", "1.targets.json"), "utf8")) as { signed: object };
    expect(signed).toMatchObject({ delegations: { roles: [{ name: "publisher", terminating: true }, { name: "serving" }] } });
    const timestamp = JSON.parse(await readFile(join(dataDir, "metadata", "timestamp.json"), "utf8")) as { signed: { expires: string } };
    expect(timestamp.signed.expires).toBe("2030-01-08T00:00:00Z");
  });
});

describe("the lock", () => {
  test.each(["2.publisher.json", "2.snapshot.json"])("where another process signs in spite of it after %s, the later of the two publishes nothing and writes nothing over", async (step) => {
    await open();
    const other = await openSigner({ dataDir, clock });
    let interrupted = false;
    const files = {
      ...nodeFiles,
      // This process stood still for so long that its lock was taken over, just before its last step.
      async rename(from: string, to: string): Promise<void> {
        await nodeFiles.rename(from, to);
        if (interrupted || !to.endsWith(step)) return;
        interrupted = true;
        await rename(join(dataDir, "signer.lock"), join(dataDir, "taken.lock"));
        await other.update((draft) => draft.targets("serving").set("serving/a.json", target("theirs")));
        await rename(join(dataDir, "taken.lock"), join(dataDir, "signer.lock"));
      },
    };
    const slow = await openSigner({ dataDir, clock, files });
    await expect(slow.update((draft) => draft.targets("publisher").set(PATH, target("a")))).rejects.toMatchObject({ code: "STORE_LOCKED" });
    expect(interrupted).toBe(true);
    expect([...((await other.read()).roles.get("serving")?.targets.keys() ?? [])]).toEqual(["serving/a.json"]);
    expect(await device().poll()).toMatchObject({ versions: { timestamp: 2 } });
  });

  test("one that a dead process left is taken over", async () => {
    const signer = await open({ clock: systemClock });
    const lock = join(dataDir, "signer.lock");
    await mkdir(lock);
    const past = new Date(Date.now() - 60_000);
    await utimes(lock, past, past);
    expect((await signer.update((draft) => draft.targets("publisher").set(PATH, target("a")))).changed).toBe(true);
    await expect(stat(lock)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("one that is held is waited for, until the caller has enough", async () => {
    const signer = await open({ clock: systemClock });
    await mkdir(join(dataDir, "signer.lock"));
    const stop = new AbortController();
    const waiting = signer.update((draft) => draft.targets("publisher").set(PATH, target("a")), { signal: stop.signal });
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "CANCELLED" });
    expect((await signer.read()).versions.timestamp).toBe(1);
  });
});
