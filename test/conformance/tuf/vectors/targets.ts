import { createHash } from "node:crypto";
import { LIMITS } from "../../../../protocol/limits.ts";
import { NOW, encode, iso, sha256, testKey } from "../../../unit/tuf/test-repository.ts";
import type { Case, Script } from "../record-vector.ts";

/** Clauses 5.6.1-5.6.6 and 5.7: the top-level targets, and what they name. */

const ALL = { root: 1, timestamp: 1, snapshot: 1, targets: 1 };
const AFTER = { ...ALL, timestamp: 2, snapshot: 2 };
const PATH = "some/file é?#.txt";
const BYTES = encode("content");
const sha512 = createHash("sha512").update(BYTES).digest("hex");

/** The snapshot says this of targets 2. */
function naming(script: Script, named: object): void {
  script.next("targets");
  script.next("snapshot", (signed) => (signed["meta"] = { ...(signed["meta"] as object), "targets.json": named }));
  script.next("timestamp");
}

function sign(script: Script, path: string, file: object): void {
  script.next("targets", (signed) => (signed["targets"] = { [path]: file }));
  script.repository.publish("snapshot", "timestamp");
}

/** `PATH`, said to be `file`, is served under `name`. */
const fetched = (title: string, file: { readonly length?: number; readonly hashes: Readonly<Record<string, string>> }, served: Uint8Array<ArrayBuffer>, code: Parameters<Script["expect"]>[0], name?: string): Case => ({
  clause: "5.7.3",
  title,
  script: (script) => {
    const escaped = `targets/some/${name ?? file.hashes["sha256"] ?? ""}.file%20%C3%A9%3F%23.txt`;
    script.repository.files.set(escaped, served);
    sign(script, PATH, { length: BYTES.length, ...file });
    script.expect(code, code === "OK" ? { role: "targets", target: btoa("content"), requests: ["metadata/2.root.json", "metadata/timestamp.json", "metadata/2.snapshot.json", "metadata/2.targets.json", escaped] } : { trusted: { ...AFTER, targets: 2 } }, { find: PATH });
  },
});

export const TARGETS: readonly Case[] = [
  { clause: "5.6.1", title: "targets that are longer than the snapshot says", script: (script) => {
    naming(script, { version: 2, length: 10 });
    script.expect("LIMIT_EXCEEDED", { trusted: { root: 1, timestamp: 2, snapshot: 2 } });
  } },
  { clause: "5.6.1", title: "targets that are said to be larger than any may be", script: (script) => {
    naming(script, { version: 2, length: LIMITS.targetsBytes + 1 });
    script.expect("LIMIT_EXCEEDED", { requests: ["metadata/2.root.json", "metadata/timestamp.json", "metadata/2.snapshot.json"] });
  } },
  { clause: "5.6.1", title: "targets that did not change are not asked for", script: (script) => {
    script.expect("OK");
    script.repository.publish("snapshot", "timestamp");
    script.expect("OK", { trusted: AFTER, requests: ["metadata/2.root.json", "metadata/timestamp.json", "metadata/2.snapshot.json"] });
  } },
  { clause: "5.6.2", title: "targets of another hash", script: (script) => {
    script.expect("OK");
    naming(script, { version: 2, hashes: { sha256: "00".repeat(32) } });
    script.expect("METADATA_MISMATCH", { trusted: AFTER });
  } },
  { clause: "5.6.3", title: "targets that other keys signed", script: async (script) => {
    script.expect("OK");
    script.next("targets", () => undefined, [await testKey()]);
    script.repository.publish("snapshot", "timestamp");
    script.expect("METADATA_UNSIGNED", { trusted: AFTER });
  } },
  { clause: "5.6.3", title: "stored targets that a newer root does not trust are not gone on with", script: async (script) => {
    script.expect("OK");
    script.give("targets", [await testKey()]);
    script.expect("METADATA_UNSIGNED");
    script.repository.publishTargets("targets");
    script.expect("OK", { trusted: { root: 2, timestamp: 2, snapshot: 2, targets: 2 } });
  } },
  { clause: "5.6.4", title: "targets of another version than the snapshot says", script: (script) => {
    script.expect("OK");
    naming(script, { version: 3 });
    script.repository.files.set("metadata/3.targets.json", script.repository.file("targets", 2));
    script.expect("METADATA_MISMATCH", { trusted: AFTER });
  } },
  { clause: "5.6.4", title: "a snapshot that does not name the targets", script: (script) => {
    script.next("snapshot", (signed) => (signed["meta"] = {}));
    script.next("timestamp");
    script.expect("METADATA_MISMATCH", { trusted: { root: 1, timestamp: 2, snapshot: 2 } });
  } },
  { clause: "5.6.5", title: "targets that are expired", script: (script) => {
    script.expect("OK");
    script.next("targets", (signed) => (signed.expires = iso(NOW)));
    script.repository.publish("snapshot", "timestamp");
    script.expect("METADATA_EXPIRED", { trusted: AFTER });
  } },
  { clause: "5.6.6", title: "targets are kept once they are proved", script: (script) => {
    script.expect("OK", { trusted: ALL });
    script.repository.publishTargets("targets");
    script.expect("OK", { trusted: { ...AFTER, targets: 2 } });
  } },
  { clause: "5.7.2", title: "a target that nobody names", script: (script) => script.expect("OK", { role: null }, { find: "nothing" }) },
  { clause: "5.7.2", title: "a target is its whole path", script: (script) => {
    script.repository.setTarget("targets", "a/b", "content");
    script.repository.publishTargets("targets");
    for (const find of ["b", "a/b/", "/a/b", "a//b", "A/b", "a/../a/b"]) script.expect("OK", { role: null }, { find });
    script.expect("OK", { role: "targets" }, { find: "a/b" });
  } },
  { clause: "4.5", title: "a target without a hash", script: (script) => {
    sign(script, PATH, { length: 1, hashes: {} });
    script.expect("METADATA_MALFORMED");
  } },
  { clause: "4.5", title: "a target without a length", script: (script) => {
    sign(script, PATH, { hashes: { sha256: sha256(BYTES) } });
    script.expect("METADATA_MALFORMED");
  } },
  fetched("a target by its SHA-256", { hashes: { sha256: sha256(BYTES) } }, BYTES, "OK"),
  fetched("a target by its SHA-512 alone", { hashes: { sha512 } }, BYTES, "OK", sha512),
  fetched("a target with two hashes", { hashes: { sha512, sha256: sha256(BYTES) } }, BYTES, "OK"),
  fetched("other bytes of the same length", { hashes: { sha256: sha256(BYTES) } }, encode("CONTENT"), "DIGEST_MISMATCH"),
  fetched("a second hash that does not agree", { hashes: { sha256: sha256(BYTES), sha512: "00".repeat(64) } }, BYTES, "DIGEST_MISMATCH"),
  fetched("a hash that cannot be computed", { hashes: { "unknown-hash": "00" } }, BYTES, "DIGEST_MISMATCH", "00"),
  fetched("fewer bytes", { length: 8, hashes: { sha256: sha256(BYTES) } }, BYTES, "SIZE_MISMATCH"),
  fetched("more bytes", { length: 6, hashes: { sha256: sha256(BYTES) } }, BYTES, "LIMIT_EXCEEDED"),
  fetched("no bytes", { hashes: { sha256: "11".repeat(32) } }, BYTES, "HTTP_STATUS", "22".repeat(32)),
];
