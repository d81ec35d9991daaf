import { LIMITS } from "../../../../protocol/limits.ts";
import { NOW, encode, iso, sha256, testKey } from "../../../unit/tuf/test-repository.ts";
import type { Case, Script } from "../record-vector.ts";

/** Clauses 4.5 and 5.6.7: delegations, and the walk through them. */

const TOP = ["metadata/2.root.json", "metadata/timestamp.json", "metadata/2.snapshot.json", "metadata/2.targets.json"];
const FOUND = "file";

type Edge = readonly [from: string, to: string, options?: { readonly paths?: readonly string[]; readonly path_hash_prefixes?: readonly string[]; readonly terminating?: boolean; readonly threshold?: number }];

async function graph(script: Script, edges: readonly Edge[], { publish = true } = {}): Promise<void> {
  for (const [from, to, options] of edges) await script.delegate(to, { from, ...options });
  const roles = [...new Set(edges.map(([, to]) => to))];
  if (publish) script.repository.publishTargets("targets", ...roles);
}

/** For a path that nobody names, these roles are asked, in this order. */
const walk = (clause: string, title: string, edges: readonly Edge[], order: readonly string[]): Case => ({
  clause,
  title,
  script: async (script) => {
    await graph(script, edges);
    script.expect("OK", { role: null, requests: [...TOP, ...order.map((role) => `metadata/1.${role}.json`)] }, { find: FOUND });
  },
});

/** A role with this coverage signs for a path: does that count? */
const covered = (title: string, coverage: { readonly paths?: readonly string[]; readonly path_hash_prefixes?: readonly string[] }, path: string, is: boolean): Case => ({
  clause: "4.5",
  title,
  script: async (script) => {
    await graph(script, [["targets", "a", coverage]], { publish: false });
    script.repository.setTarget("a", path, "content");
    script.repository.publishTargets("targets", "a");
    const escaped = (requested: string): string => requested.split("/").map(encodeURIComponent).join("/");
    const cut = path.lastIndexOf("/") + 1;
    const file = escaped(`${path.slice(0, cut)}${sha256(encode("content"))}.${path.slice(cut)}`);
    const requests = is ? [...TOP, "metadata/1.a.json", `targets/${file}`] : TOP;
    script.expect("OK", is ? { role: "a", target: btoa("content"), requests } : { role: null, requests }, { find: path });
  },
});

const malformed = (title: string, spoil: (delegation: Record<string, unknown>) => void): Case => ({
  clause: "4.5",
  title,
  script: async (script) => {
    await graph(script, [["targets", "a"]], { publish: false });
    const { roles } = script.repository.of("targets")["delegations"] as { readonly roles: Record<string, unknown>[] };
    spoil(roles.at(-1) ?? {});
    script.repository.publishTargets("targets", "a");
    script.expect("METADATA_MALFORMED");
  },
});

/** A role `a`, first good in version 1, then in a version 2 that is refused: found before, not after, and not stored. */
const badRole = (clause: string, title: string, code: Parameters<Script["expect"]>[0], spoil: (script: Script) => void | Promise<void>): Case => ({
  clause,
  title,
  script: async (script) => {
    await graph(script, [["targets", "a"]], { publish: false });
    script.repository.setTarget("a", FOUND, "content");
    script.repository.publishTargets("targets", "a");
    script.expect("OK", { role: "a", trusted: { root: 1, timestamp: 2, snapshot: 2, targets: 2, a: 1 } }, { find: FOUND });
    await spoil(script);
    script.expect(code, { trusted: { root: 1, timestamp: 3, snapshot: 3, targets: script.repository.of("targets").version, a: 1 } }, { find: FOUND });
  },
});

const chain = (length: number): Edge[] => Array.from({ length }, (_, i): Edge => [i === 0 ? "targets" : `r${i - 1}`, `r${i}`]);
const hash = sha256(encode(FOUND));

export const DELEGATIONS: readonly Case[] = [
  walk("5.6.7", "roles in the order that they are listed", [["targets", "b"], ["targets", "a"]], ["b", "a"]),
  walk("5.6.7", "children before siblings", [["targets", "a"], ["targets", "b"], ["a", "c"], ["a", "d"]], ["a", "c", "d", "b"]),
  walk("5.6.7", "three deep", [["targets", "a"], ["targets", "b"], ["a", "c"], ["c", "d"]], ["a", "c", "d", "b"]),
  walk("5.6.7.1", "a circle is walked once", [["targets", "a"], ["a", "b"], ["b", "c"], ["c", "a"]], ["a", "b", "c"]),
  walk("5.6.7.1", "a role that delegates to itself", [["targets", "a"], ["a", "a"]], ["a"]),
  walk("5.6.7.1", "a role is asked where it comes first", [["targets", "a"], ["targets", "b"], ["b", "c"], ["a", "c"]], ["a", "c", "b"]),
  walk("5.6.7.1", "so many roles at most", chain(LIMITS.delegationVisits + 8), Array.from({ length: LIMITS.delegationVisits - 1 }, (_, i) => `r${i}`)),
  walk("5.6.7.2.1", "nothing behind a terminating delegation", [["targets", "a", { terminating: true }], ["targets", "b"], ["a", "c"]], ["a", "c"]),
  walk("5.6.7.2.1", "nor beside its parent", [["targets", "a"], ["targets", "b"], ["a", "c", { terminating: true }], ["a", "d"]], ["a", "c"]),
  walk("5.6.7.2.1", "one that does not cover the path ends nothing", [["targets", "a", { terminating: true, paths: ["x/*"] }], ["targets", "b"]], ["b"]),
  walk("5.6.7.2.2", "roles that do not cover the path are not asked", [["targets", "a", { paths: ["*.py"] }], ["targets", "b"], ["a", "c"]], ["b"]),
  walk("5.6.7.2.2", "a role is reached where its coverage allows it", [["targets", "a"], ["targets", "b"], ["b", "c"], ["a", "c", { paths: ["*.py"] }]], ["a", "b", "c"]),
  covered("a path", { paths: ["x/y"] }, "x/y", true),
  covered("a star is any characters", { paths: ["x/*.tgz"] }, "x/file.tgz", true),
  covered("but no separator", { paths: ["x/*"] }, "x/y/z", false),
  covered("a star does not stand for a folder", { paths: ["*"] }, "x/y", false),
  covered("a question mark is one character", { paths: ["foo-?.tgz"] }, "foo-1.tgz", true),
  covered("and no more", { paths: ["foo-?.tgz"] }, "foo-10.tgz", false),
  covered("nor a separator", { paths: ["a?b"] }, "a/b", false),
  covered("upper case is not lower case", { paths: ["*.md"] }, "README.MD", false),
  covered("a pattern is no regular expression", { paths: ["a.b"] }, "axb", false),
  covered("no pattern covers nothing", { paths: [] }, "a", false),
  covered("a prefix of the path's hash", { path_hash_prefixes: ["zz", hash.slice(0, 3)] }, FOUND, true),
  covered("another prefix", { path_hash_prefixes: [hash.slice(1, 12)] }, FOUND, false),
  malformed("both paths and hash prefixes", (delegation) => (delegation["path_hash_prefixes"] = ["00"])),
  malformed("neither of them", (delegation) => delete delegation["paths"]),
  malformed("a delegation to a top-level role", (delegation) => (delegation["name"] = "snapshot")),
  malformed("a threshold of none", (delegation) => (delegation["threshold"] = 0)),
  malformed("a delegation that does not say whether it is terminating", (delegation) => delete delegation["terminating"]),
  malformed("a key id twice", (delegation) => (delegation["keyids"] = ["a", "a"])),
  ...["?", "#", "/a", "../a", "a b", "é", "%2e", ".."].map((role): Case => ({
    clause: "5.6.1",
    title: `a role named ${JSON.stringify(role)} has one file, and stays in its folder`,
    script: async (script) => {
      await graph(script, [["targets", role]]);
      script.expect("OK", { role: null, requests: [...TOP, `metadata/1.${encodeURIComponent(role)}.json`], trusted: { root: 1, timestamp: 2, snapshot: 2, targets: 2, [encodeURIComponent(role)]: 1 } }, { find: FOUND });
    },
  })),
  badRole("5.6.2", "a delegated role of another hash", "METADATA_MISMATCH", (script) => {
    script.next("a");
    script.next("snapshot", (signed) => (signed["meta"] = { ...(signed["meta"] as object), "a.json": { version: 2, hashes: { sha256: "00".repeat(32) } } }));
    script.next("timestamp");
  }),
  badRole("5.6.3", "a delegated role that other keys signed", "METADATA_UNSIGNED", async (script) => {
    script.next("a", () => undefined, [await testKey()]);
    script.repository.publish("snapshot", "timestamp");
  }),
  badRole("5.6.3", "a delegated role that its delegator signed", "METADATA_UNSIGNED", (script) => {
    script.next("a", () => undefined, script.repository.keysOf("targets"));
    script.repository.publish("snapshot", "timestamp");
  }),
  badRole("5.6.3", "a role whose delegation now asks for more signatures", "METADATA_UNSIGNED", (script) => {
    script.next("targets", (signed) => {
      const { roles } = signed["delegations"] as { readonly roles: { name: string; threshold: number }[] };
      for (const delegation of roles) if (delegation.name === "a") delegation.threshold = 2;
    });
    script.repository.publish("snapshot", "timestamp");
  }),
  badRole("5.6.4", "a delegated role of another version", "METADATA_MISMATCH", (script) => {
    script.next("snapshot", (signed) => (signed["meta"] = { ...(signed["meta"] as object), "a.json": { version: 2 } }));
    script.next("timestamp");
    script.repository.files.set("metadata/2.a.json", script.repository.file("a", 1));
  }),
  badRole("5.6.5", "a delegated role that is expired", "METADATA_EXPIRED", (script) => {
    script.next("a", (signed) => (signed.expires = iso(NOW)));
    script.repository.publish("snapshot", "timestamp");
  }),
  {
    clause: "5.6.7",
    title: "a delegated role that the snapshot does not name is not asked for",
    script: async (script) => {
      await graph(script, [["targets", "a"]], { publish: false });
      script.repository.publish("a", "targets");
      script.next("snapshot", (signed) => {
        const { "a.json": _a, ...rest } = signed["meta"] as Record<string, unknown>;
        signed["meta"] = rest;
      });
      script.next("timestamp");
      script.expect("METADATA_MISMATCH", { requests: TOP, trusted: { root: 1, timestamp: 2, snapshot: 2, targets: 2 } }, { find: FOUND });
    },
  },
  {
    clause: "5.6.7",
    title: "the first role that names a path has the say, and no role speaks of what is not delegated to it",
    script: async (script) => {
      const { repository } = script;
      await graph(script, [["targets", "a", { paths: ["a/*"] }], ["targets", "b", { paths: ["*/*"] }]], { publish: false });
      repository.setTarget("a", "a/1", "a's");
      repository.setTarget("a", "b/1", "a's, of what is not its own");
      repository.setTarget("b", "a/1", "b's, too late");
      repository.setTarget("b", "b/1", "b's");
      repository.publishTargets("targets", "a", "b");
      script.expect("OK", { role: "a", target: btoa("a's") }, { find: "a/1" });
      script.expect("OK", { role: "b", target: btoa("b's") }, { find: "b/1" });
    },
  },
  {
    clause: "5.6.7",
    title: "a path is delegated by every role on the way",
    script: async (script) => {
      const { repository } = script;
      await graph(script, [["targets", "a", { paths: ["a/*"] }], ["a", "b", { paths: ["*/*"] }]], { publish: false });
      repository.setTarget("b", "a/1", "b's");
      repository.setTarget("b", "c/1", "b's, and not a's to give");
      repository.publishTargets("targets", "a", "b");
      script.expect("OK", { role: "b" }, { find: "a/1" });
      script.expect("OK", { role: null }, { find: "c/1" });
    },
  },
  {
    clause: "5.6.3",
    title: "a role that two delegate to is signed as each of them says",
    script: async (script) => {
      const { repository } = script;
      const [first, second] = await Promise.all([testKey(), testKey()]);
      await script.delegate("a", { paths: ["a/*"] });
      await script.delegate("b", { paths: ["b/*"] });
      await script.delegate("release", { from: "b", paths: ["b/*"], keys: [second] });
      await script.delegate("release", { from: "a", paths: ["a/*"], keys: [first] });
      repository.setTarget("release", "a/1", "good");
      repository.setTarget("release", "b/1", "bad");
      repository.publishTargets("targets", "a", "b", "release");
      script.expect("OK", { role: "release", target: btoa("good") }, { find: "a/1" });
      script.expect("METADATA_UNSIGNED", {}, { find: "b/1" });
    },
  },
];
