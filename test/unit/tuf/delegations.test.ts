import { expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import { createTrust, type Trust } from "../../../runtime/trust/index.ts";
import { MemoryRecords, SERVER, TestClock, TestRepository, testKey } from "./test-repository.ts";

interface Delegated {
  readonly from: string;
  readonly to: string;
  readonly paths?: readonly string[];
  readonly terminating?: boolean;
}

async function graph(edges: readonly Delegated[]): Promise<{ repository: TestRepository; trust: Trust; visited(path: string): Promise<string[]> }> {
  const repository = await TestRepository.create();
  (repository.of("targets") as { delegations?: unknown }).delegations = { keys: {}, roles: [] };
  const roles = [...new Set(edges.map(({ to }) => to))].filter((role) => role !== "targets");
  for (const role of roles) {
    repository.keys.set(role, [await testKey("ed25519")]);
    repository.signed.set(role, { _type: "targets", spec_version: "1.0.34", version: 0, expires: "2031-01-01T00:00:00Z", targets: {} });
  }
  for (const { from, to, paths = ["*"], terminating = false } of edges) repository.delegate(to, paths, { from, terminating });
  repository.publishTargets("targets", ...roles);
  const trust = createTrust({ server: SERVER, fetch: repository.fetch, clock: new TestClock(), store: new MemoryRecords() });
  return {
    repository,
    trust,
    async visited(path) {
      await trust.poll();
      repository.requests.length = 0;
      await trust.find(path);
      return repository.requests.map((request) => /\d+\.(.+)\.json$/.exec(request)?.[1] ?? request);
    },
  };
}

// 5.6.7: pre-order, in the order listed, each role once, not past a terminating one.
test.each<[string, readonly Delegated[], readonly string[]]>([
  ["one after the other", [{ from: "targets", to: "a" }, { from: "targets", to: "b" }], ["a", "b"]],
  ["children before siblings", [{ from: "targets", to: "a" }, { from: "a", to: "b" }, { from: "targets", to: "c" }], ["a", "b", "c"]],
  ["a role once, where it comes first", [{ from: "targets", to: "a" }, { from: "targets", to: "b" }, { from: "a", to: "c" }, { from: "b", to: "c" }], ["a", "c", "b"]],
  ["nothing past a terminating role", [{ from: "targets", to: "a", terminating: true }, { from: "targets", to: "b" }, { from: "a", to: "c" }], ["a", "c"]],
  ["a terminating role deeper ends everything", [{ from: "targets", to: "a" }, { from: "targets", to: "b" }, { from: "a", to: "c", terminating: true }, { from: "a", to: "d" }], ["a", "c"]],
  ["a terminating role that does not cover the path ends nothing", [{ from: "targets", to: "a", terminating: true, paths: ["x/*"] }, { from: "targets", to: "b" }], ["b"]],
  ["a circle", [{ from: "targets", to: "a" }, { from: "a", to: "b" }, { from: "b", to: "a" }], ["a", "b"]],
])("delegations are walked: %s", async (_, edges, order) => {
  const { visited } = await graph(edges);
  expect(await visited("missing")).toEqual(order);
});

test("at most so many roles are visited", async () => {
  const chain = Array.from({ length: LIMITS.delegationVisits + 5 }, (_, i) => ({ from: i === 0 ? "targets" : `r${i - 1}`, to: `r${i}` }));
  const { visited } = await graph(chain);
  expect((await visited("missing")).length).toBe(LIMITS.delegationVisits - 1);
});

test("a role has no say over what is not delegated to it, or was delegated to another before", async () => {
  const { repository, trust } = await graph([{ from: "targets", to: "a", paths: ["models/a/*"], terminating: true }, { from: "targets", to: "b", paths: ["models/*/*"] }]);
  repository.setTarget("a", "models/b/1", "a's, about b");
  repository.setTarget("b", "models/a/1", "b's, about a");
  repository.setTarget("b", "models/b/1", "b's own");
  repository.publishTargets("a", "b");
  await trust.poll();
  expect(await trust.find("models/a/1")).toBeUndefined();
  expect(await trust.find("models/b/1")).toMatchObject({ role: "b" });
  expect((await trust.list("models/")).map(({ path, role }) => `${role}: ${path}`)).toEqual(["b: models/b/1"]);
});

test("a role that two roles delegate to by other keys must be signed as each says", async () => {
  const { repository, trust } = await graph([{ from: "targets", to: "a", paths: ["a/*"] }, { from: "targets", to: "b", paths: ["b/*"] }, { from: "a", to: "shared", paths: ["a/*"] }]);
  const rightful = repository.keysOf("shared");
  repository.keys.set("shared", [await testKey()]);
  repository.delegate("shared", ["b/*"], { from: "b", terminating: false });
  repository.keys.set("shared", rightful);
  repository.setTarget("shared", "a/1", "a");
  repository.setTarget("shared", "b/1", "b");
  repository.publishTargets("shared", "b", "targets");
  await trust.poll();
  expect(await trust.find("a/1")).toMatchObject({ role: "shared" });
  await expect(trust.find("b/1")).rejects.toMatchObject({ code: "METADATA_UNSIGNED" });
});

test("role names never leave the folder of metadata", async () => {
  const names = ["../../etc/x", "?", "#", "a/b", "..", "%2F"];
  const { trust, repository } = await graph(names.map((to) => ({ from: "targets", to })));
  const urls: string[] = [];
  const store = new MemoryRecords();
  const client = createTrust({ server: SERVER, store, clock: new TestClock(), fetch: (url, init) => (urls.push(url), repository.fetch(url, init)) });
  await client.poll();
  await client.find("missing");
  expect([...store.records.keys()].filter((name) => name.includes("/"))).toEqual([]);
  for (const url of urls) expect(new URL(url).pathname).toMatch(/^\/metadata\/[^/]+$/);
  expect(urls.slice(-6).map((url) => url.slice(SERVER.length))).toEqual(["../../etc/x", "?", "#", "a/b", "..", "%2F"].map((name) => `/metadata/1.${encodeURIComponent(name)}.json`));
  expect(await trust.poll()).toMatchObject({ changed: true });
});
