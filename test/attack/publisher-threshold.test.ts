import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeLinearModel } from "../support/make-model.ts";
import { runCommand, type Command } from "../support/processes.ts";
import { until } from "../support/rest-client.ts";
import { openWorkshop, type Workshop } from "../support/workshop.ts";

/** Ada and Bob each have a key of `publisher-line`, both of which must sign; the server has neither, nor root and targets. */
let workshop: Workshop;
let server: Command;
let token: string;

const at = (desk: string, ...args: readonly string[]): ReturnType<typeof runCommand> => runCommand(args, { cwd: workshop.path(desk) });

/** A command that must succeed; what it printed. */
async function ashore(desk: string, ...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await at(desk, ...args);
  expect(status, stderr).toBe(0);
  return stdout.trim();
}

const key = (name: string): string => `.ashore-publisher/keys/${name}.json`;
const pub = (desk: string, name = desk): string => `../${desk}/.ashore-publisher/keys/${name}.pub.json`;
const to = (): string[] => ["--to", server.url, "--token", token];
const version = (number: number): string[] => [workshop.path(`line-${number}`), "--model", "line", "--version", String(number)];

beforeEach(async () => {
  workshop = await openWorkshop();
  for (const desk of ["ada", "bob", "office"]) await mkdir(workshop.path(desk));
  for (const desk of ["ada", "bob"]) await ashore(desk, "keys", "new", "--out", key(desk));
  await ashore("office", "keys", "init", "--data", "../server");
  await ashore("office", "keys", "delegate", "line", "--key", pub("ada"), pub("bob"), "--threshold", "2", "--data", "../server");
  token = await ashore("office", "tokens", "add", "publisher-line", "--data", "../server");
  // The office keeps root and targets; what runs has the online keys alone.
  await cp(workshop.path("server/keys"), workshop.path("office/keys"), { recursive: true });
  for (const offline of ["root", "targets", "publisher"]) await rm(workshop.path("server/keys", `${offline}.json`));
  for (const number of [1, 2]) await writeLinearModel(workshop.path(`line-${number}`), number, 0);
  server = await workshop.serve();
});
afterEach(() => workshop.close());

const offered = async (): Promise<readonly number[]> => {
  const answer = await fetch(`${server.url}/manifests/line`);
  if (!answer.ok) return [];
  return ((await answer.json()) as { readonly versions: readonly { readonly version: number }[] }).versions.map(({ version: number }) => number);
};

describe("a publisher role of two keys, both of which must sign", () => {
  test("publishes what both signed, each at a desk of their own, and nothing that one signed", async () => {
    await expect(at("ada", "publish", ...version(1), ...to())).resolves.toMatchObject({ status: 1, stderr: expect.stringMatching(/KEY_MISSING: .*2 signatures.*holds 1.*--prepare/s) as unknown });
    const prepared = await ashore("ada", "publish", ...version(1), ...to(), "--prepare", "line-1.json");
    expect(prepared).toMatch(/publisher-line still lacks 1 of/);
    await expect(at("ada", "publish", ...to(), "--signed", "line-1.json")).resolves.toMatchObject({ status: 1, stderr: expect.stringMatching(/KEY_MISSING: .*still lacks 1/) as unknown });
    expect(await offered(), "one signature publishes nothing").toEqual([]);

    await cp(workshop.path("ada/line-1.json"), workshop.path("bob/line-1.json"));
    expect(await ashore("bob", "keys", "sign", "line-1.json", "--key", key("bob"))).toMatch(/enough keys signed everything/);
    expect(await ashore("ada", "publish", ...to(), "--signed", "../bob/line-1.json")).toMatch(/published publisher-line: the server offers version 1/);
    expect(await offered()).toEqual([1]);
    await until(() => fetch(`${server.url}/v1/models/line:predict`, { method: "POST", body: '{"instances":[3]}' }), ({ ok }) => ok);
    expect(await ashore("office", "verify", server.url)).toMatch(/publisher-line/);
    expect(await ashore("ada", "publish", ...version(1), ...to(), "--prepare", "again.json"), "the same again asks nobody for anything").toMatch(/^unchanged/);
  });

  test("what was prepared before the other published is refused, and prepared anew goes through", async () => {
    await ashore("ada", "publish", ...version(1), ...to(), "--prepare", "first.json");
    await ashore("bob", "publish", ...version(2), ...to(), "--prepare", "second.json");
    await ashore("ada", "keys", "sign", "../bob/second.json", "--key", key("ada"));
    await ashore("bob", "publish", ...to(), "--signed", "second.json");
    await ashore("bob", "keys", "sign", "../ada/first.json", "--key", key("bob"));
    await expect(at("ada", "publish", ...to(), "--signed", "first.json")).resolves.toMatchObject({ status: 1, stderr: expect.stringMatching(/ABORTED: .*Prepare it again/) as unknown });
    expect(await offered()).toEqual([2]);
    await rm(workshop.path("ada/first.json"));
    await ashore("ada", "publish", ...version(1), ...to(), "--prepare", "first.json");
    await ashore("bob", "keys", "sign", "../ada/first.json", "--key", key("bob"));
    await ashore("ada", "publish", ...to(), "--signed", "first.json");
    expect(await offered()).toEqual([2, 1]);
  });

  test("a request that somebody changed on the way is refused by the server, whoever signed it", async () => {
    await ashore("ada", "publish", ...version(1), ...to(), "--prepare", "line-1.json");
    await ashore("bob", "keys", "sign", "../ada/line-1.json", "--key", key("bob"));
      const text = await readFile(workshop.path("ada/line-1.json"), "utf8");
    await writeFile(workshop.path("ada/line-1.json"), text.replace(/"expires": "20(\d\d)-/, '"expires": "21$1-'));
    await expect(at("ada", "publish", ...to(), "--signed", "line-1.json")).resolves.toMatchObject({ status: 1, stderr: expect.stringContaining("METADATA_UNSIGNED") as unknown });
    expect(await offered()).toEqual([]);
  });
});

test("a publisher's key that is replaced signs no more, and the new one does, over a running server", async () => {
  await ashore("office", "keys", "threshold", "publisher-line", "1", "--data", "../server", "--prepare", "threshold.json");
  await ashore("office", "keys", "sign", "threshold.json", "--key", "keys/targets.json");
  await ashore("office", "keys", "apply", "threshold.json", "--data", "../server");
  await ashore("ada", "publish", ...version(1), ...to());

  await ashore("ada", "keys", "new", "--out", key("new"));
  await ashore("office", "keys", "rotate", "publisher-line", await keyIdOf("ada"), "--key", pub("ada", "new"), "--data", "../server", "--prepare", "rotate.json");
  await ashore("office", "keys", "sign", "rotate.json", "--key", "keys/targets.json");
  // The role's own metadata is signed by its new keys.
  await ashore("ada", "keys", "sign", "../office/rotate.json", "--key", key("new"));
  await ashore("office", "keys", "apply", "rotate.json", "--data", "../server");

  await ashore("ada", "publish", ...version(2), ...to());
  await until(offered, (versions) => versions.includes(2));
  await rm(workshop.path("ada", key("new")));
  await writeLinearModel(workshop.path("line-3"), 3, 0);
  await expect(at("ada", "publish", ...version(3), ...to())).resolves.toMatchObject({ status: 1, stderr: expect.stringContaining("KEY_MISSING") as unknown });
});

async function keyIdOf(desk: string): Promise<string> {
  const { keyid } = JSON.parse(await readFile(workshop.path(desk, `.ashore-publisher/keys/${desk}.pub.json`), "utf8")) as { readonly keyid: string };
  return keyid;
}
