import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { writeLinearModel } from "../support/make-model.ts";
import { runCommand, spawnCommand, type Command } from "../support/processes.ts";
import { answersWith, openWorkshop, type Workshop } from "../support/workshop.ts";

/** A server whose root, targets and publisher keys are elsewhere, and a publisher beside it with keys of its own. */
let workshop: Workshop;
let server: Command;
let token: string;

beforeEach(async () => {
  workshop = await openWorkshop();
  await mkdir(workshop.path("desk"));
  await ashore("keys", "init", "--data", "server");
  await ashore("keys", "new", "--out", "desk/.ashore-publisher/keys/me.json");
  await ashore("keys", "delegate", "line", "--key", "desk/.ashore-publisher/keys/me.pub.json", "--data", "server");
  token = await ashore("tokens", "add", "publisher-line", "--data", "server");
  for (const offline of ["root", "targets", "publisher"]) await rm(workshop.path("server/keys", `${offline}.json`));
  server = await workshop.serve("--no-inference");
});
afterEach(() => workshop.close());

/** Runs a command that must succeed; what it printed. */
async function ashore(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runCommand(args, { cwd: workshop.folder });
  expect(status, stderr).toBe(0);
  return stdout.trim();
}

const publishArgs = (folder: string, version: number, url: string): string[] => ["publish", workshop.path(folder), "--model", "line", "--version", String(version), "--to", url, "--token", token, "--json"];

interface Published {
  readonly outcome: string;
  readonly blobs: { readonly sent: number; readonly held: number };
}

/** Publishes from the publisher's desk. */
async function publish(folder: string, version: number, url = server.url): Promise<Published> {
  const { status, stdout, stderr } = await runCommand(publishArgs(folder, version, url), { cwd: workshop.path("desk") });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Published;
}

test("what a publisher signs elsewhere is on the edge a moment later, and two who publish at once both get through", async () => {
  for (const version of [1, 2, 3]) await writeLinearModel(workshop.path(`line-${version}`), version, 0.5);
  expect(await publish("line-1", 1)).toMatchObject({ outcome: "published" });
  const edge = await workshop.edge(server.url, "--models", "line");
  await answersWith(edge.url, "line", 1);
  expect(await publish("line-1", 1)).toMatchObject({ outcome: "unchanged", blobs: { sent: 0 } });
  expect((await Promise.all([publish("line-2", 2), publish("line-3", 3)])).map(({ outcome }) => outcome)).toEqual(["published", "published"]);
  await answersWith(edge.url, "line", 3);
  const verified = JSON.parse(await ashore("verify", server.url, "--json")) as { faults: unknown[]; models: { versions: { version: number; signedBy: string }[] }[] };
  expect(verified.faults).toEqual([]);
  expect(verified.models[0]?.versions.map(({ version, signedBy }) => [version, signedBy])).toEqual([1, 2, 3].map((version) => [version, "publisher-line"]));
  expect((await readdir(workshop.path("server/keys"))).sort()).toEqual(["serving.json", "snapshot.json", "timestamp.json"]);
});

test("a publisher that is killed in the middle leaves what was served, and the next run sends only what is missing", async () => {
  await writeLinearModel(workshop.path("line-1"), 1, 0.5);
  await writeLinearModel(workshop.path("line-2"), 2, 0.5, { ballast: 5 << 20 });
  await publish("line-1", 1);
  const edge = await workshop.edge(server.url, "--models", "line");
  await answersWith(edge.url, "line", 1);
  const proxy = await startFaultProxy(server.url);
  const puts: string[] = [];
  let caught: () => void = () => undefined;
  const third = new Promise<void>((resolve) => (caught = resolve));
  proxy.onRequest((path, method) => {
    if (method !== "PUT") return;
    puts.push(path);
    if (puts.length === 3) caught();
  });
  const killed = spawnCommand(publishArgs("line-2", 2, proxy.url), { cwd: workshop.path("desk") });
  await third;
  await killed.kill();
  await answersWith(edge.url, "line", 1);
  const before = puts.splice(0);
  const { outcome, blobs } = await publish("line-2", 2, proxy.url);
  expect(outcome).toBe("published");
  // The third may or may not have been whole when its sender died.
  expect(blobs.held).toBeGreaterThanOrEqual(2);
  expect(puts.filter((path) => before.slice(0, 2).includes(path))).toEqual([]);
  await answersWith(edge.url, "line", 2);
  await proxy.close();
});

test("tokens are told apart and taken back while the server runs", async () => {
  await writeLinearModel(workshop.path("line-1"), 1, 0.5);
  const [{ id } = { id: "" }] = JSON.parse(await ashore("tokens", "list", "--data", "server", "--json")) as { id: string }[];
  const pears = await ashore("tokens", "add", "publisher-pears", "--data", "server");
  const refused = async (by: string): Promise<string> => {
    const { status, stderr } = await runCommand(publishArgs("line-1", 1, server.url).map((arg) => (arg === token ? by : arg)), { cwd: workshop.path("desk") });
    expect(status).toBe(1);
    return stderr.trim().split("\n").at(-1) ?? "";
  };
  expect(await refused(pears)).toMatch(/^ashore: PERMISSION_DENIED: The token is for publisher-pears/);
  expect(await refused("ashore_guess")).toMatch(/^ashore: UNAUTHENTICATED: A token of this server is needed/);
  await ashore("tokens", "revoke", id, "--data", "server");
  expect(await refused(token)).toMatch(/^ashore: UNAUTHENTICATED: /);
  await rm(join(workshop.folder, "server/tokens.json"));
  expect(await refused(token)).toMatch(/^ashore: NOT_FOUND: .*no token was made there/);
});
