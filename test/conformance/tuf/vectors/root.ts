import { LIMITS } from "../../../../protocol/limits.ts";
import { NOW, iso, signedBy, testKey, type TestKey } from "../../../unit/tuf/test-repository.ts";
import type { Case, Script } from "../record-vector.ts";

/** Clauses 5.1-5.3: the trusted root, and the chain from it to the newest. */

const ALL = { root: 1, timestamp: 1, snapshot: 1, targets: 1 };
const PAST = iso(NOW - 1000);

const keys = (count: number): Promise<TestKey[]> => Promise.all(Array.from({ length: count }, () => testKey()));

/** Root 1 has `before` keys and a threshold, root 2 others, signed as the case says (indices into all keys, old then new). */
const rotation = (clause: string, title: string, before: readonly [number[], number], after: readonly [number[], number], signers: readonly number[], code: "OK" | "METADATA_UNSIGNED"): Case => ({
  clause,
  title,
  script: async (script) => {
    const all = await keys(6);
    const pick = (indices: readonly number[]): TestKey[] => all.filter((_, i) => indices.includes(i));
    const { repository } = script;
    script.give("root", pick(before[0]), { threshold: before[1], signers: pick(before[0]) });
    script.root = repository.file("root");
    script.give("root", pick(after[0]), { threshold: after[1], signers: pick(signers) });
    script.expect(code, { trusted: code === "OK" ? { ...ALL, root: 3 } : { root: 2 } });
  },
});

/** Timestamps of high versions, then a root that gives timestamp these keys, then versions from 1 again. */
async function fastForward(script: Script, role: "timestamp" | "snapshot" | "targets", rotate: () => Promise<void>, code: "OK" | "METADATA_ROLLBACK"): Promise<void> {
  const { repository } = script;
  const publish = (): void => (role === "timestamp" ? repository.publish(role) : role === "snapshot" ? repository.publish(role, "timestamp") : repository.publishTargets(role));
  repository.of(role).version = 99;
  publish();
  script.expect("OK", { trusted: { ...versions(script), [role]: 100 } });
  await rotate();
  repository.of(role).version = 0;
  publish();
  script.expect(code, code === "OK" ? { trusted: { ...versions(script), [role]: 1 } } : {});
}

const versions = ({ repository }: Script) => ({ root: repository.of("root").version, timestamp: repository.of("timestamp").version, snapshot: repository.of("snapshot").version, targets: repository.of("targets").version });

export const ROOT: readonly Case[] = [
  {
    clause: "5.1",
    title: "a clock that was turned back brings nothing expired back to life",
    script: (script) => {
      script.expect("OK", {}, { now: NOW + 20 * 3_600_000 });
      script.next("timestamp", (signed) => (signed.expires = iso(NOW + 10 * 3_600_000)));
      script.expect("METADATA_EXPIRED", { trusted: ALL });
    },
  },
  {
    clause: "5.2",
    title: "a trusted root that does not sign itself is none, and nothing is asked for",
    script: async (script) => {
      script.root = signedBy(script.repository.of("root"), await keys(1));
      script.expect("METADATA_UNSIGNED", { requests: [], trusted: {} });
    },
  },
  {
    clause: "5.2",
    title: "a trusted root that is malformed is none, and nothing is asked for",
    script: (script) => {
      const { version: _version, ...rest } = script.repository.of("root");
      script.root = signedBy(rest, script.repository.keysOf("root"));
      script.expect("METADATA_MALFORMED", { requests: [], trusted: {} });
    },
  },
  {
    clause: "5.2",
    title: "a trusted root may be expired, if a newer one is not",
    script: (script) => {
      script.next("root", (root) => (root.expires = PAST));
      script.root = script.repository.file("root");
      script.next("root", (root) => (root.expires = iso(NOW + 1000)));
      script.expect("OK", { trusted: { ...ALL, root: 3 } });
    },
  },
  {
    clause: "5.3.3",
    title: "the roles are asked for in order, root by root, each by its version",
    script: (script) => {
      for (let i = 0; i < 3; i++) script.next("root");
      script.expect("OK", { requests: ["2.root", "3.root", "4.root", "5.root", "timestamp", "1.snapshot", "1.targets"].map((name) => `metadata/${name}.json`), trusted: { ...ALL, root: 4 } });
      script.expect("OK", { requests: ["metadata/5.root.json", "metadata/timestamp.json"] });
    },
  },
  { clause: "5.3.3", title: "a next root that is forbidden is not there", script: (script) => script.expect("OK", { trusted: ALL }, { statuses: { "metadata/2.root.json": 403 } }) },
  { clause: "5.3.3", title: "a server that fails has not said that there is none", script: (script) => script.expect("HTTP_STATUS", { requests: ["metadata/2.root.json"], trusted: { root: 1 } }, { statuses: { "metadata/2.root.json": 500 } }) },
  {
    clause: "5.3.3",
    title: "a root is so large at most",
    script: (script) => {
      script.repository.files.set("metadata/2.root.json", new Uint8Array(LIMITS.rootBytes + 1));
      script.expect("LIMIT_EXCEEDED", { trusted: { root: 1 } });
    },
  },
  rotation("5.3.4", "a new key, signed by both", [[0], 1], [[1], 1], [0, 1], "OK"),
  rotation("5.3.4", "a new key, not signed by the old", [[0], 1], [[1], 1], [1, 2, 3], "METADATA_UNSIGNED"),
  rotation("5.3.4", "a new key, not signed by it", [[0], 1], [[1], 1], [0, 2, 3], "METADATA_UNSIGNED"),
  rotation("5.3.4", "two of three, one of them replaced, signed by two of each", [[0, 1, 2], 2], [[0, 1, 3], 2], [0, 3, 2], "OK"),
  rotation("5.3.4", "two of three, signed by one of the old", [[0, 1, 2], 2], [[0, 3, 4], 2], [0, 3, 4], "METADATA_UNSIGNED"),
  rotation("5.3.4", "two of three, signed by one of the new", [[0, 1, 2], 2], [[0, 3, 4], 2], [0, 1, 2], "METADATA_UNSIGNED"),
  rotation("5.3.4", "a threshold that grows, not met by the new root", [[0, 1, 2], 1], [[0, 1, 2], 2], [1], "METADATA_UNSIGNED"),
  rotation("5.3.4", "a threshold that grows, met", [[0, 1, 2], 1], [[0, 1, 2], 2], [1, 2], "OK"),
  rotation("5.3.4", "a threshold that shrinks counts from the next root on", [[0, 1, 2], 2], [[0, 1, 2], 1], [1], "METADATA_UNSIGNED"),
  rotation("5.3.4", "more keys needed than there are", [[0], 1], [[0, 1], 3], [0, 1], "METADATA_UNSIGNED"),
  {
    clause: "5.3.4",
    title: "a key id twice in a role is refused",
    script: (script) => {
      script.next("root", (root) => {
        const { timestamp } = root["roles"] as { timestamp: { keyids: string[] } };
        timestamp.keyids.push(...timestamp.keyids);
      });
      script.expect("METADATA_MALFORMED", { trusted: { root: 1 } });
    },
  },
  {
    clause: "5.3.4",
    title: "one key under two ids counts once, however its text is laid out",
    script: async (script) => {
      const key = await testKey();
      const lines = key.public.public.trimEnd().split("\n");
      const [head = "", tail = ""] = [lines[0], lines.at(-1)];
      const relaid = [head, ...lines.slice(1, -1).join("").match(/.{1,40}/g) ?? [], tail].join("\r\n");
      script.give("timestamp", [key, { ...key, keyid: "again" }, { ...key, keyid: "relaid", public: { ...key.public, public: relaid } }], { threshold: 2 });
      script.next("timestamp");
      script.expect("METADATA_UNSIGNED", { trusted: { root: 2 } });
    },
  },
  {
    clause: "5.3.5",
    title: "a gap in the versions is refused",
    script: (script) => {
      script.next("root");
      script.next("root");
      script.repository.files.set("metadata/2.root.json", script.repository.file("root", 3));
      script.expect("METADATA_MISMATCH", { trusted: { root: 1 } });
    },
  },
  {
    clause: "5.3.5",
    title: "an old root under the next number is refused",
    script: (script) => {
      script.repository.files.set("metadata/2.root.json", script.repository.file("root", 1));
      script.expect("METADATA_ROLLBACK", { trusted: { root: 1 } });
    },
  },
  {
    clause: "5.3.6",
    title: "a root on the way may be expired",
    script: (script) => {
      script.next("root", (root) => (root.expires = PAST));
      script.next("root", (root) => (root.expires = iso(NOW + 1000)));
      script.expect("OK", { trusted: { ...ALL, root: 3 } });
    },
  },
  {
    clause: "5.3.8",
    title: "each root is kept as soon as it is proved, whatever the next one is",
    script: async (script) => {
      script.next("root");
      script.next("root", () => undefined, await keys(1));
      script.expect("METADATA_UNSIGNED", { trusted: { root: 2 } });
    },
  },
  {
    clause: "5.3.10",
    title: "a last root that is expired is kept, and nothing after it is taken",
    script: (script) => {
      script.expect("OK");
      script.next("root", (root) => (root.expires = iso(NOW)));
      script.repository.publishTargets("targets");
      script.expect("METADATA_EXPIRED", { trusted: { ...ALL, root: 2 }, requests: ["metadata/2.root.json", "metadata/3.root.json"] });
    },
  },
  {
    clause: "5.3.11",
    title: "another key for the timestamp forgives a timestamp its version",
    script: (script) => fastForward(script, "timestamp", async () => script.give("timestamp", await keys(1)), "OK"),
  },
  {
    clause: "5.3.11",
    title: "another key for the snapshot forgives a snapshot its version",
    script: (script) => fastForward(script, "snapshot", async () => script.give("snapshot", await keys(1)), "OK"),
  },
  {
    clause: "5.3.11",
    title: "another key for the snapshot forgives targets their version",
    script: (script) => fastForward(script, "targets", async () => script.give("snapshot", await keys(1)), "OK"),
  },
  {
    clause: "5.3.11",
    title: "another key for the targets forgives nothing",
    script: (script) =>
      fastForward(script, "targets", async () => script.give("targets", await keys(1)), "METADATA_ROLLBACK"),
  },
  {
    clause: "5.3.11",
    title: "a key beside the old one forgives nothing",
    script: (script) => fastForward(script, "timestamp", async () => script.give("timestamp", [...script.repository.keysOf("timestamp"), ...(await keys(1))]), "METADATA_ROLLBACK"),
  },
  ...(["timestamp", "snapshot", "targets"] as const).map((role): Case => ({
    clause: "5.3.11",
    title: `a root may say what was published when it was signed: a device that saw nothing takes no older ${role}`,
    script: (script) => {
      const { repository } = script;
      const floors = { timestamp: 1, snapshot: 1, roles: { targets: 1 } };
      script.next("root", (root) => (root["x-ashore-floors"] = role === "targets" ? { ...floors, roles: { targets: 2 } } : { ...floors, [role]: 2 }));
      script.expect("METADATA_ROLLBACK");
      if (role === "timestamp") repository.publish("timestamp");
      else if (role === "snapshot") repository.publish("snapshot", "timestamp");
      else repository.publishTargets("targets");
      script.expect("OK", { trusted: versions(script) });
    },
  })),
  {
    clause: "5.3.11",
    title: "and only a root may take that back",
    script: async (script) => {
      script.next("root", (root) => (root["x-ashore-floors"] = { timestamp: 100, snapshot: 1, roles: {} }));
      script.give("timestamp", await keys(1));
      script.next("timestamp");
      script.expect("METADATA_ROLLBACK");
      script.next("root", (root) => (root["x-ashore-floors"] = { timestamp: 2, snapshot: 1, roles: {} }));
      script.expect("OK", { trusted: { ...ALL, root: 4, timestamp: 2 } });
    },
  },
  {
    clause: "5.3.11",
    title: "what it says there is checked",
    script: (script) => {
      script.next("root", (root) => (root["x-ashore-floors"] = { timestamp: "2" }));
      script.expect("METADATA_MALFORMED", { trusted: { root: 1 } });
    },
  },
  {
    clause: "5.3.12",
    title: "without consistent snapshots files have no version in their names",
    script: (script) => {
      script.next("root", (root) => (root["consistent_snapshot"] = false));
      script.repository.setTarget("targets", "file.txt", "content");
      script.repository.publishTargets("targets", "publisher", "serving");
      script.expect(
        "OK",
        { requests: ["metadata/2.root.json", "metadata/3.root.json", "metadata/timestamp.json", "metadata/snapshot.json", "metadata/targets.json", "targets/file.txt"], role: "targets", target: btoa("content") },
        { find: "file.txt" },
      );
    },
  },
];
