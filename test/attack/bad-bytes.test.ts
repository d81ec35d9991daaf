import { execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFaultProxy, type Fault } from "../support/fault-proxy.ts";
import { writeDeepModel, writeLinearModel } from "../support/make-model.ts";
import { runCommand, type Command } from "../support/processes.ts";
import { createRestClient } from "../support/rest-client.ts";
import { answersWith, LINEAR_BODY, linearAnswer, openWorkshop, type Workshop } from "../support/workshop.ts";

const blob = (change: (body: Buffer) => ReturnType<Fault>): Fault => (path, { body, status }) => (path.startsWith("/blobs/") && status === 200 ? change(body) : undefined);
const HTML = Buffer.from("<!doctype html><title>Sign in</title>");
const json = (change: (value: { signed: Record<string, unknown>; signatures: { keyid: string; sig: string }[] }) => void, name: RegExp): Fault => (path, { body, status }) => {
  if (!name.test(path) || status !== 200) return undefined;
  const value = JSON.parse(body.toString("utf8")) as { signed: Record<string, unknown>; signatures: { keyid: string; sig: string }[] };
  change(value);
  return { body: Buffer.from(JSON.stringify(value)), headers: { etag: '"changed"' } };
};
const TIMESTAMP = /\/metadata\/timestamp\.json/;

describe("what a bad network or mirror sends", () => {
  let workshop: Workshop;
  let server: Command;
  let edge: Command;
  let proxy: Awaited<ReturnType<typeof startFaultProxy>>;
  let newest = 1;
  let client: ReturnType<typeof createRestClient>;

  beforeAll(async () => {
    workshop = await openWorkshop();
    await workshop.drop("line", 1, (folder) => writeLinearModel(folder, 1, 0));
    server = await workshop.serve("--no-inference", "--model_name", "line", "--model_base_path", workshop.path("models", "line"));
    proxy = await startFaultProxy(server.url);
    edge = await workshop.edge(proxy.url);
    await answersWith(edge.url, "line", 1);
    client = createRestClient(edge.url);
  }, 120_000);
  afterAll(async () => {
    client.close();
    await proxy.close();
    await workshop.close();
  });

  /** Publishes the next version through a fault, waits for the fault's code in the log, then for the healed state. */
  async function suffers(fault: Fault, code: RegExp): Promise<void> {
    const before = newest;
    newest++;
    const seen = edge.output().split("\n").length;
    proxy.setFault(fault);
    await workshop.drop("line", newest, (folder) => writeLinearModel(folder, newest, 0));
    try {
      await waitForLine(edge, seen, code);
      // The version before keeps serving, rightly.
      const answer = await client.post("/v1/models/line:predict", LINEAR_BODY);
      expect([answer.status, answer.headers["x-ashore-model-version"], JSON.parse(answer.body)]).toEqual([200, String(before), { predictions: linearAnswer(before, 0) }]);
    } finally {
      proxy.setFault(undefined);
    }
    await answersWith(edge.url, "line", newest);
  }

  test.each<[string, Fault, RegExp]>([
    ["a truncated blob", blob((body) => ({ body: body.subarray(0, -1) })), /SIZE_MISMATCH|NETWORK_FAILED/],
    ["a blob with one bit flipped", blob((body) => ({ body: Buffer.from(body.map((byte, i) => (i === body.length >> 1 ? byte ^ 1 : byte))) })), /DIGEST_MISMATCH/],
    ["an oversized blob", blob((body) => ({ body: Buffer.concat([body, Buffer.alloc(1 << 20)]) })), /LIMIT_EXCEEDED|SIZE_MISMATCH/],
    ["a missing blob", blob(() => ({ status: 404, body: Buffer.from("{}") })), /HTTP_STATUS/],
    ["HTML instead of a blob", blob(() => ({ body: HTML, headers: { "content-type": "text/html" } })), /LIMIT_EXCEEDED|SIZE_MISMATCH|DIGEST_MISMATCH/],
    ["a connection that breaks in the middle", (path) => (path.startsWith("/blobs/") ? "drop" : undefined), /NETWORK_FAILED/],
    ["HTML instead of a manifest", (path) => (path.includes("manifest.json") ? { body: HTML } : undefined), /SIZE_MISMATCH|DIGEST_MISMATCH/],
    ["an unsigned timestamp", json((value) => (value.signatures = []), TIMESTAMP), /METADATA_UNSIGNED/],
    ["a timestamp signed by nobody we know", json((value) => (value.signed["version"] = 9999), TIMESTAMP), /METADATA_UNSIGNED/],
    ["HTML instead of a timestamp", (path) => (TIMESTAMP.test(path) ? { body: HTML } : undefined), /METADATA_MALFORMED|JSON_INVALID/],
    ["a snapshot of other bytes", (path, { body }) => (/snapshot\.json/.test(path) ? { body: Buffer.concat([body, Buffer.from(" ")]) } : undefined), /METADATA_MISMATCH|SIZE_MISMATCH|LIMIT_EXCEEDED|DIGEST_MISMATCH/],
  ])("%s: one clear error, the version before keeps serving, and it heals", async (_what, fault, code) => {
    await suffers(fault, code);
  }, 60_000);

  test("a timestamp from yesterday is refused", async () => {
    const old = Buffer.from(await (await fetch(`${server.url}/metadata/timestamp.json`)).arrayBuffer());
    newest++;
    await workshop.drop("line", newest, (folder) => writeLinearModel(folder, newest, 0));
    await answersWith(edge.url, "line", newest);
    const seen = edge.output().split("\n").length;
    proxy.setFault((path) => (TIMESTAMP.test(path) ? { body: old, headers: { etag: '"old"' } } : undefined));
    await waitForLine(edge, seen, /METADATA_ROLLBACK/);
    await answersWith(edge.url, "line", newest);
    proxy.setFault(undefined);
  }, 60_000);

  test("a model with an op that TF.js lacks is refused by name, and the version before keeps serving", async () => {
    newest++;
    await workshop.drop("line", newest, (folder) => writeLinearModel(folder, 1, 0, { op: "Cholesky" }));
    expect(await server.line(/Cholesky/)).toMatch(/MODEL_UNSUPPORTED_OP/);
    await answersWith(edge.url, "line", newest - 1);
    const inspected = await runCommand(["inspect", workshop.path("models", "line", String(newest))]);
    expect(inspected.stdout + inspected.stderr).toContain("Cholesky");
  }, 60_000);

  test.each([
    ["{", 400],
    ['{"instances":[1,]}', 400],
    ['{"instances":["x"]}', 400],
    ["{}", 400],
    ['{"instances":[[1],[1,2]]}', 400],
    ["<html>", 400],
    ["", 400],
  ])("the body %s is answered with one error and status %i", async (body, status) => {
    const answer = await client.post("/v1/models/line:predict", body);
    expect(answer.status).toBe(status);
    expect(Object.keys(JSON.parse(answer.body) as object)).toEqual(["error"]);
    await answersWith(edge.url, "line", Number((await client.post("/v1/models/line:predict", LINEAR_BODY)).headers["x-ashore-model-version"]));
  });
});

const isRoot = process.platform === "linux" && process.getuid?.() === 0;

describe.skipIf(!isRoot || !canMount())("a full disk (a small file system is mounted for it, which needs root on Linux)", () => {
  test("the new version is served from memory or not at all, the old one goes on, and the error says so", async () => {
    const workshop = await openWorkshop();
    const small = workshop.path("edge");
    try {
      await mkdir(small);
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
      await workshop.drop("deep", 1, (folder) => writeDeepModel(folder, { layers: 2, width: 128, seed: 1 }));
      const server = await workshop.serve("--no-inference", "--model_name", "deep", "--model_base_path", workshop.path("models", "deep"));
      const body = JSON.stringify({ instances: [Array.from({ length: 128 }, () => 1)] });
      const edge = await workshop.edge(server.url);
      await answersWith(edge.url, "deep", 1, body);
      await workshop.drop("deep", 2, (folder) => writeDeepModel(folder, { layers: 30, width: 128, seed: 2 }));
      await edge.line(/STORE_FULL/);
      const client = createRestClient(edge.url);
      const answer = await client.post("/v1/models/deep:predict", body);
      expect(answer.status).toBe(200);
      client.close();
      expect(await edge.stop()).toBe(0);
      // The disk is still full, and what was committed before still answers.
      await server.kill();
      const again = await workshop.edge(server.url);
      await answersWith(again.url, "deep", 1, body).catch(() => answersWith(again.url, "deep", 2, body));
      await again.kill();
    } finally {
      execFileSync("umount", ["-l", small]);
      await workshop.close();
    }
  }, 120_000);
});

/** Containers often lack the right to mount, root or not. */
function canMount(): boolean {
  try {
    execFileSync("unshare", ["-m", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function waitForLine(command: Command, from: number, pattern: RegExp): Promise<void> {
  const end = Date.now() + 40_000;
  while (!command.output().split("\n").slice(from).some((line) => pattern.test(line))) {
    if (Date.now() > end) throw new Error(`${pattern} was never written:\n${command.output().split("\n").slice(from).join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
