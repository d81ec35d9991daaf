import { cp, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSigner } from "../../../sync-server/sign/index.ts";
import { systemClock } from "../../../sync-server/system-clock.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { folderDevice } from "../sign/folder-device.ts";
import { MemoryRecords } from "../tuf/test-repository.ts";
import { run, start } from "./run-cli.ts";

const DAY = 24 * 3_600_000;

/** Two computers: the server's, with its data folder, and one that is never online. */
let folder: string;
let server: string;
let offline: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ashore-cli-keys-"));
  [server, offline] = [join(folder, "server"), join(folder, "offline")];
  await Promise.all([mkdir(server), mkdir(offline)]);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const keys = (...argv: readonly string[]) => run(server, "keys", ...argv);
const done = async (result: ReturnType<typeof run>): Promise<string> => {
  const { status, out, err } = await result;
  expect(err, out).not.toContain("ashore: ");
  expect(status).toBe(0);
  return out;
};
const json = async (result: ReturnType<typeof run>): Promise<unknown> => JSON.parse(await done(result));
const carry = (name: string, from: string, to: string) => rename(join(from, name), join(to, name));
const roots = async (store = new MemoryRecords()): Promise<number> => (await folderDevice(join(server, ".ashore"), { clock: systemClock, store }).poll()).versions.root;

interface Listed {
  readonly roles: readonly { readonly role: string; readonly version: number; readonly threshold: number; readonly keys: readonly { readonly keyid: string; readonly where: string; readonly file?: string }[] }[];
  readonly unused: readonly { readonly file: string }[];
}
const listed = async (): Promise<Listed> => (await json(keys("list", "--json"))) as Listed;
const roleOf = async (name: string) => (await listed()).roles.find(({ role }) => role === name) ?? expect.unreachable();

/** A folder all of whose metadata was signed that long ago. */
async function madeBefore(days: number): Promise<void> {
  await done(keys("init", "--data", "unused"));
  await cp(join(server, "unused/keys"), join(server, ".ashore/keys"), { recursive: true });
  await openSigner({ dataDir: join(server, ".ashore"), clock: { ...systemClock, now: () => systemClock.now() - days * DAY } });
}

describe("ashore keys", () => {
  test("init makes a folder that list shows whole", async () => {
    expect(await done(keys("init"))).toMatch(/Made new keys .*move root and targets keys offline/s);
    expect(await done(keys("init"))).toContain("are complete");
    const { roles, unused } = await listed();
    expect(roles.map(({ role, version, threshold, keys: all }) => `${role} ${version} ${threshold} ${all.map(({ where, file }) => `${where} ${file}`).join()}`)).toEqual(
      ["root", "targets", "publisher", "serving", "snapshot", "timestamp"].map((role) => `${role} 1 1 here ${role}.json`),
    );
    expect(unused).toEqual([]);
    expect(await done(keys("list"))).toMatch(/^root {2}1 of 1 must sign; version 1, expires 20.*\n {2}[0-9a-f]{64} {2}keys\/root\.json\n/);
  });

  test("add, threshold, rotate, revoke change who signs, and a device follows", async () => {
    await done(keys("init"));
    const store = new MemoryRecords();
    expect(await roots(store)).toBe(1);
    expect(await done(keys("add", "root"))).toBe("published root 2, timestamp 2\n");
    expect(await done(keys("threshold", "root", "2"))).toMatch(/root 3/);
    const [first] = (await roleOf("root")).keys;
    expect(await done(keys("rotate", "root", first?.keyid.slice(0, 8) ?? ""))).toMatch(/root 4/);
    expect(await roots(store)).toBe(4);
    expect(await roleOf("root")).toMatchObject({ threshold: 2, keys: [{ where: "here" }, { where: "here" }] });
    expect((await listed()).unused).toMatchObject([{ file: "root.json" }]);
    await done(keys("threshold", "root", "1"));
    const [gone] = (await roleOf("root")).keys;
    await done(keys("revoke", "root", gone?.keyid ?? ""));
    expect(await roots(store)).toBe(6);
    expect(await json(keys("rotate", "serving", "--json"))).toMatchObject({ published: { targets: 2, serving: 2, snapshot: 2, timestamp: 7 }, made: { name: expect.stringMatching(/^serving\..{8}\.json$/) as unknown } });
  });

  test.each<[number, string, RegExp, readonly string[]]>([
    [1, "a root short of its own threshold", /FAILED_PRECONDITION.*no device could accept/, ["threshold", "root", "2"]],
    [1, "a role that is not there", /NOT_FOUND.*There is no role "nobody"/, ["rotate", "nobody"]],
    [1, "a key that is not there", /NOT_FOUND/, ["revoke", "root", "0123456789"]],
    [2, "a threshold that is no number", /USAGE.*not a number of keys/, ["threshold", "root", "many"]],
    [2, "a model whose name is none", /NAME_INVALID/, ["delegate", "no/model", "--key", "key.pub.json"]],
    [2, "a key file that is not there", /CONFIG_INVALID.*nowhere\.json/, ["add", "root", "--key", "nowhere.json"]],
    [1, "a key file that is none", /SCHEMA_INVALID.*holds no public key/, ["add", "root", "--key", "key.txt"]],
    [2, "encryption without a passphrase", /USAGE.*passphrase/, ["rotate", "root", "--encrypt"]],
    [2, "a passphrase file that is empty", /CONFIG_INVALID.*empty/, ["rotate", "root", "--encrypt", "--passphrase-file", "empty"]],
    [1, "a file to prepare that is there", /ALREADY_EXISTS.*may hold signatures/, ["rotate", "root", "--prepare", "key.txt"]],
    [1, "a request that is none", /JSON_INVALID|SCHEMA_INVALID/, ["apply", "key.txt"]],
    [1, "a folder that holds no repository", /STORE_CORRUPT.*keys init/, ["rotate", "root", "--data", "elsewhere"]],
  ])("exits with %i for %s, and writes nothing", async (status, _, message, argv) => {
    await done(keys("init"));
    await done(keys("new", "--out", "key.json"));
    await writeFile(join(server, "key.txt"), "hello");
    await writeFile(join(server, "empty"), "\n");
    const before = await listed();
    const result = await keys(...argv);
    expect(result.err).toMatch(message);
    expect(result.status).toBe(status);
    expect(await listed()).toEqual(before);
    await expect(stat(join(server, "elsewhere"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("new makes a pair for somebody else, and writes over nothing", async () => {
    const made = (await json(run(offline, "keys", "new", "--out", "mine/digits.json", "--json"))) as { readonly keyid: string };
    expect((await stat(join(offline, "mine/digits.json"))).mode & 0o777).toBe(0o600);
    const half = JSON.parse(await readFile(join(offline, "mine/digits.pub.json"), "utf8")) as object;
    expect(half).toMatchObject({ keyid: made.keyid, public: expect.stringContaining("PUBLIC KEY") as unknown });
    expect(half).not.toHaveProperty("private");
    expect(await run(offline, "keys", "new", "--out", "mine/digits.json")).toMatchObject({ status: 1, err: expect.stringContaining("ALREADY_EXISTS") as unknown });

    await done(keys("init"));
    await cp(join(offline, "mine/digits.pub.json"), join(server, "digits.pub.json"));
    expect(await done(keys("delegate", "digits", "--key", "digits.pub.json"))).toMatch(/targets 2/);
    expect(await roleOf("publisher-digits")).toMatchObject({ version: 0, threshold: 1, keys: [{ keyid: made.keyid, where: "elsewhere" }] });
    expect(await keys("delegate", "digits", "--key", "digits.pub.json")).toMatchObject({ status: 1, err: expect.stringContaining("ALREADY_EXISTS") as unknown });
  });

  test("a ceremony across two computers: two of three root keys, none of which the server ever holds again", async () => {
    await done(keys("init"));
    for (const name of ["ann", "bob", "eve"]) await done(run(offline, "keys", "new", "--out", `${name}.json`));
    for (const name of ["ann", "bob", "eve"]) {
      await carry(`${name}.pub.json`, offline, server);
      await done(keys("add", "root", "--key", `${name}.pub.json`));
    }
    const own = (await roleOf("root")).keys.find(({ where }) => where === "here");
    await carry("root.json", join(server, ".ashore/keys"), offline);
    const ceremony = async (argv: readonly string[], signers: readonly string[]): Promise<string> => {
      const asked = await done(keys(...argv, "--prepare", "request.json"));
      expect(asked).toContain("still lacks");
      await carry("request.json", server, offline);
      let signed = "";
      for (const name of signers) signed = await done(run(offline, "keys", "sign", "request.json", "--key", `${name}.json`));
      await carry("request.json", offline, server);
      expect(signed).toContain("enough keys signed everything");
      return done(keys("apply", "request.json"));
    };
    expect(await ceremony(["threshold", "root", "2"], ["root", "ann"])).toMatch(/root 5/);
    await rm(join(server, "request.json"));
    expect(await ceremony(["revoke", "root", own?.keyid ?? ""], ["bob", "eve"])).toMatch(/root 6/);
    expect(await roleOf("root")).toMatchObject({ threshold: 2, keys: [{ where: "elsewhere" }, { where: "elsewhere" }, { where: "elsewhere" }] });
    expect(await done(keys("apply", "request.json"))).toContain("unchanged");

    // One signature is not enough, and a key that is not asked is told so.
    await rm(join(server, "request.json"));
    await done(keys("rotate", "timestamp", "--prepare", "request.json"));
    await carry("request.json", server, offline);
    expect(await done(run(offline, "keys", "sign", "request.json"))).toMatch(/^root version 7, good until .*\n {2}root: 2 of (.{12}, ){2}.{12}\n/);
    expect(await run(offline, "keys", "sign", "request.json", "--key", "root.json")).toMatchObject({ status: 1, err: expect.stringContaining("KEY_MISSING") as unknown });
    await cp(join(offline, "request.json"), join(offline, "copy.json"));
    expect(await done(run(offline, "keys", "sign", "request.json", "--key", "ann.json"))).toContain("root still lacks 1 of");
    await done(run(offline, "keys", "sign", "copy.json", "--key", "eve.json"));
    await carry("request.json", offline, server);
    expect(await keys("apply", "request.json")).toMatchObject({ status: 1, err: expect.stringContaining("KEY_MISSING") as unknown });
    await carry("copy.json", offline, server);
    expect(await done(keys("apply", "request.json", "copy.json"))).toMatch(/root 7/);
    expect(await roots()).toBe(7);
  });

  test("encrypted keys open with the passphrase in a file", async () => {
    await writeFile(join(server, "secret"), "correct horse\n");
    await done(keys("init", "--encrypt", "--passphrase-file", "secret"));
    expect(await readFile(join(server, ".ashore/keys/root.json"), "utf8")).not.toContain("BEGIN PRIVATE KEY");
    expect(await keys("rotate", "serving")).toMatchObject({ status: 1, err: expect.stringContaining("KEY_LOCKED") as unknown });
    expect(await done(keys("rotate", "serving", "--passphrase-file", "secret"))).toMatch(/serving 2/);
    expect(await done(keys("list"))).toContain("keys/root.json, locked");
  });
});

describe("ashore renew", () => {
  test("signs again what is past half of its life, and nothing else", async () => {
    await madeBefore(16);
    expect(await done(run(server, "renew", "--data", ".ashore"))).toBe("signed again publisher 2, serving 2, snapshot 2, timestamp 2\n");
    expect(await done(run(server, "renew", "--data", ".ashore"))).toBe("nothing is past half of its life\n");
    expect(await run(server, "renew", "--data", "nowhere")).toMatchObject({ status: 1, err: expect.stringContaining("STORE_CORRUPT") as unknown });
  });

  test("says 30 days ahead what it cannot sign, and fails once that has expired", async () => {
    await madeBefore(340);
    await carry("root.json", join(server, ".ashore/keys"), offline);
    const { status, err } = await run(server, "renew", "--data", ".ashore");
    expect(err).toMatch(/^"root" expires in 2[45] days, at .*; its keys are not in/m);
    expect(status).toBe(0);

    await done(run(server, "renew", "--data", ".ashore", "--prepare", "request.json"));
    await done(keys("sign", "request.json", "--key", join(offline, "root.json")));
    expect(await done(keys("apply", "request.json"))).toMatch(/root 2/);
    expect((await run(server, "renew", "--data", ".ashore")).err).toBe("");
  });

  test("exits with 1 where what it cannot sign has expired", async () => {
    await madeBefore(366);
    await carry("root.json", join(server, ".ashore/keys"), offline);
    expect(await run(server, "renew", "--data", ".ashore")).toMatchObject({ status: 1, err: expect.stringMatching(/"root" expired.*METADATA_EXPIRED/s) as unknown });
  });
});

describe("a server that runs meanwhile", () => {
  test("serves what keys and renew changed, and signs with the new keys", async () => {
    await writeLinearModel(join(server, "models/line/1"), 2, 1);
    const serving = start(server, "serve", "--model_name", "line", "--model_base_path", "models/line", "--port", "0", "--log_format", "json", "--file_system_poll_wait_seconds", "0.1");
    try {
      const url = await serving.url;
      const answers = (version: number) => expect.poll(async () => (await fetch(`${url}/v1/models/line:predict`, { method: "POST", body: '{"instances":[1]}' })).headers.get("x-ashore-model-version"), { timeout: 30_000 }).toBe(String(version));
      await answers(1);
      for (const role of ["timestamp", "snapshot", "serving", "publisher", "targets", "root"]) {
        await done(keys("rotate", role));
        await rm(join(server, ".ashore/keys", `${role}.json`));
      }
      expect((await fetch(`${url}/metadata/5.root.json`)).status).toBe(200);
      await writeLinearModel(join(server, "models/line/2"), 3, 1);
      await answers(2);
      expect((await run(server, "verify", url)).status).toBe(0);
    } finally {
      expect(await serving.stop()).toBe(0);
    }
  });

  test("warns in its log, and verify in its report, of an offline root that expires within 30 days", async () => {
    await madeBefore(340);
    await carry("root.json", join(server, ".ashore/keys"), offline);
    await mkdir(join(server, "models"));
    const serving = start(server, "serve", "--model_name", "line", "--model_base_path", "models", "--port", "0", "--log_format", "json", "--no-inference");
    try {
      const url = await serving.url;
      await expect.poll(() => serving.err(), { timeout: 30_000 }).toMatch(/"level":"warn".*\\"root\\" expires in 2[45] days/);
      await expect.poll(() => serving.err(), { timeout: 30_000 }).toContain("signed again");
      const { status, out } = await run(server, "verify", url);
      expect(out).toMatch(/WARNING "root" expires in 2[45] days/);
      expect(out.match(/WARNING/g)).toHaveLength(1);
      expect(status).toBe(0);
    } finally {
      await serving.stop();
    }
  });
});
