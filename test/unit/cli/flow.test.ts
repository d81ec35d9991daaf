import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hexOf } from "../../../protocol/digest.ts";
import { parseManifest } from "../../../protocol/manifest.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { run, start, type Run } from "./run-cli.ts";

let folder: string;
let server: Run;
let url: string;

/** Waits until a URL answers with that. */
async function eventually(path: string, matches: (body: string, answer: Response) => boolean, init?: RequestInit, at = url): Promise<string> {
  let body = "";
  await expect
    .poll(
      async () => {
        const answer = await fetch(at + path, init);
        body = await answer.text();
        return matches(body, answer);
      },
      { timeout: 30_000, interval: 50 },
    )
    .toBe(true);
  return body;
}

const predict = { method: "POST", body: '{"instances":[1,2,3]}' };
const answeredBy = (version: number) => (_: string, answer: Response): boolean => answer.status === 200 && answer.headers.get("x-ashore-model-version") === String(version);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ashore-flow-"));
  await writeLinearModel(join(folder, "models/line/1"), 2, 1);
  await mkdir(join(folder, "models/broken/1"), { recursive: true });
  await writeFile(join(folder, "models/broken/1/model.json"), '{"format":"layers-model"}');
  await writeFile(join(folder, "server.yaml"), "models:\n  - { model: line, base_path: models/line, version_policy: { latest: 2 }, version_labels: { stable: 1 } }\n  - { model: broken, base_path: models/broken }\nport: 0\ndata: state\nfile_system_poll_wait_seconds: 0.1\n");
  server = start(folder, "serve", "--config", "server.yaml", "--log_format", "json", "--rest_api_num_threads=4");
  url = await server.url;
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("ashore serve", () => {
  test("answers predictions soon after it started on a fresh folder", async () => {
    const body = await eventually("/v1/models/line:predict", answeredBy(1), predict);
    expect(JSON.parse(body)).toEqual({ predictions: [3, 5, 7] });
    expect(await eventually("/v1/models/line/labels/stable:predict", answeredBy(1), predict)).toBe(body);
  });

  test("a model that cannot be published ends with the reason, and the server is ready all the same", async () => {
    const body = await eventually("/v1/models/broken", (text) => text.includes("END"));
    expect(body).toMatch(/layers model/);
    expect(JSON.parse(await eventually("/readyz", (_, { status }) => status === 200))).toMatchObject({ ready: true });
  });

  test("says in its log what it did, and that a flag has no effect", () => {
    const lines = server.err().split("\n").map((line) => JSON.parse(line) as { level: string; msg: string });
    expect(lines.find(({ msg }) => msg.includes("new signing keys"))?.level).toBe("warn");
    expect(lines.some(({ msg }) => msg.startsWith("--rest_api_num_threads has no effect"))).toBe(true);
  });

  test("a version that is dropped in is served, and one that is taken away is rolled back", async () => {
    await writeLinearModel(join(folder, "models/line/2"), 3, 0);
    await eventually("/v1/models/line:predict", answeredBy(2), predict);
    await rm(join(folder, "models/line/2"), { recursive: true });
    await eventually("/v1/models/line:predict", answeredBy(1), predict);
  });

  test("notices what another process publishes into the same folder, and serves it too", async () => {
    await writeLinearModel(join(folder, "elsewhere/7"), 10, 0);
    const published = await run(folder, "publish", "elsewhere/7", "--model", "other", "--data", "state", "--json");
    expect(published.status).toBe(0);
    expect(JSON.parse(published.out)).toMatchObject({ model: "other", version: 7, outcome: "published", digest: expect.stringMatching(/^sha256:/) });
    expect(JSON.parse(await eventually("/v1/models/other:predict", answeredBy(7), predict))).toEqual({ predictions: [10, 20, 30] });
    const again = await run(folder, "publish", "elsewhere/7", "--model", "other", "--data", "state");
    expect(again.out).toMatch(/^unchanged: other 7/);
  });

  test("refuses other bytes under a published version", async () => {
    await writeLinearModel(join(folder, "changed/7"), 11, 0);
    const { status, err } = await run(folder, "publish", "changed/7", "--model", "other", "--data", "state");
    expect(status).toBe(1);
    expect(err).toMatch(/ashore: VERSION_REBOUND: Version 7 of other/);
  });

  test("a second server on the same folder and port is told why not", async () => {
    const taken = await run(folder, "serve", "--data", "more", "--port", new URL(url).port);
    expect([taken.status, taken.err.split("\n").at(-1)]).toEqual([2, expect.stringMatching(/^ashore: CONFIG_INVALID: Port \d+ of 127\.0\.0\.1 cannot be listened at: another process/)]);
    const locked = await run(folder, "serve", "--data", "state", "--port", "0");
    expect([locked.status, locked.err.split("\n").at(-1)]).toEqual([1, expect.stringMatching(/^ashore: STORE_LOCKED/)]);
  });
});

describe("ashore edge", () => {
  test("serves what the server publishes, and starts again without the server", async () => {
    const first = start(folder, "edge", "--server", url, "--data", "device", "--models", "line", "--rest_api_port", "0");
    await eventually("/v1/models/line:predict", answeredBy(1), predict, await first.url);
    expect(first.out()).toMatch(/^ashore edge: serving on http:\/\/127\.0\.0\.1:\d+\n$/);
    expect(first.err()).toMatch(/sha256:[0-9a-f]{64} is pinned/);
    expect(await first.stop()).toBe(0);
    const second = start(folder, "edge", "--server", "http://127.0.0.1:1", "--data", "device", "--models", "line", "--rest_api_port", "0");
    await eventually("/v1/models/line:predict", answeredBy(1), predict, await second.url);
    expect(await second.stop()).toBe(0);
  });
});

describe("ashore inspect", () => {
  test("shows a folder, and the same of a server", async () => {
    const local = await run(folder, "inspect", "models/line/1", "--json");
    const remote = await run(folder, "inspect", `${url}/manifests/line/versions/1`, "--json");
    const [one, other] = [JSON.parse(local.out), (JSON.parse(remote.out) as unknown[])[0]] as { ops: unknown; signatureDefs: unknown; weights: unknown }[];
    expect(one?.ops).toContainEqual({ op: "Placeholder", count: 1, supported: true });
    expect(other).toMatchObject({ ops: one?.ops, signatureDefs: one?.signatureDefs, weights: one?.weights });
    const text = await run(folder, "inspect", url);
    expect(text.out).toMatch(/line version 1\n\n {2}signature def serving_default/);
    expect(text.out).toMatch(/all supported/);
  });
});

describe("ashore verify", () => {
  test("proves a server, says by whom it was signed and when that expires", async () => {
    const { status, out } = await run(folder, "verify", url);
    expect(status).toBe(0);
    expect(out).toMatch(/root +version 1 +expires \d{4}-/);
    expect(out).toMatch(/other {2}serving config signed by serving/);
    expect(out).toMatch(/version 7 +sha256:[0-9a-f]{12} +signed by publisher/);
    expect(out).toMatch(/every signature, digest and size is right/);
  });

  test("starts from a root that is given, and refuses another server's", async () => {
    await cp(join(folder, "state/metadata/1.root.json"), join(folder, "root.json"));
    const given = await run(folder, "verify", url, "--root", "root.json", "--json");
    expect([given.status, JSON.parse(given.out)]).toEqual([0, expect.objectContaining({ faults: [], root: { digest: expect.stringMatching(/^sha256:/), given: true } })]);
    await run(folder, "keys", "init", "--data", "stranger");
    await writeLinearModel(join(folder, "stranger-model/1"), 1, 1);
    await run(folder, "publish", "stranger-model/1", "--model", "line", "--data", "stranger");
    await cp(join(folder, "stranger/metadata/1.root.json"), join(folder, "stranger-root.json"));
    const stranger = await run(folder, "verify", url, "--root", "stranger-root.json");
    expect(stranger.status).toBe(1);
    expect(stranger.err.split("\n").at(-1)).toMatch(/^ashore: METADATA_UNSIGNED: /);
  });

  test("one wrong bit in one blob is found, named, and does not hide the rest", async () => {
    const copy = join(folder, "copy");
    await cp(join(folder, "state"), copy, { recursive: true, filter: (source) => !source.includes("device") });
    const manifest = parseManifest(new Uint8Array(await (await fetch(`${url}/manifests/other/versions/7`)).arrayBuffer()));
    const shard = manifest.variants[0]?.shards[0];
    if (shard === undefined) throw new Error("no shard");
    const blob = join(copy, "blobs/sha256", hexOf(shard.encodings[0]?.digest ?? shard.digest));
    const bytes = await readFile(blob);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    await writeFile(blob, bytes);
    const replica = start(folder, "serve", "--data", "copy", "--port", "0", "--no-inference");
    const { status, out, err } = await run(folder, "verify", await replica.url);
    expect(await replica.stop()).toBe(0);
    expect(status).toBe(1);
    expect(err).toMatch(/^ashore: DIGEST_MISMATCH: .*\(1 fault\): models\/other\/7\/manifest\.json: /m);
    expect(out).toMatch(/version 1 +sha256:[0-9a-f]{12} +signed by publisher/);
  });

  test("a server that is not there is told as such", async () => {
    const { status, err } = await run(folder, "verify", "http://127.0.0.1:1");
    expect(status).toBe(1);
    expect(err).toMatch(/^ashore: NETWORK_FAILED: /);
  });
});

describe("ashore gc", () => {
  test("removes nothing that was published within a day", async () => {
    const { status, out } = await run(folder, "gc", "--data", "state", "--json");
    expect([status, JSON.parse(out)]).toEqual([0, { dryRun: false, bytes: 0, removed: [] }]);
  });
});

describe("ashore keys init", () => {
  test("makes keys once", async () => {
    expect(JSON.parse((await run(folder, "keys", "init", "--data", "fresh", "--json")).out)).toMatchObject({ created: true, keyids: { root: expect.stringMatching(/^[0-9a-f]{64}$/) } });
    expect(JSON.parse((await run(folder, "keys", "init", "--data", "fresh", "--json")).out)).toMatchObject({ created: false });
  });
});

test("a server drains and ends with status 0 when it is asked to", async () => {
  const short = start(folder, "serve", "--data", "short", "--port", "0");
  await short.url;
  expect(await short.stop()).toBe(0);
});
