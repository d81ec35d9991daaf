import { LIMITS } from "../../../../protocol/limits.ts";
import { DAY, NOW, encode, iso, testKey } from "../../../unit/tuf/test-repository.ts";
import type { Case } from "../record-vector.ts";

/** Clauses 5.4 and 5.5: timestamp and snapshot. */

const ALL = { root: 1, timestamp: 1, snapshot: 1, targets: 1 };
const PAST = iso(NOW - 1000);

export const ONLINE_ROLES: readonly Case[] = [
  { clause: "5.4.1", title: "no timestamp", script: (script) => {
    script.expect("OK");
    script.expect("HTTP_STATUS", { trusted: ALL }, { statuses: { "metadata/timestamp.json": 404 } });
  } },
  { clause: "5.4.1", title: "a timestamp is so large at most", script: (script) => {
    script.repository.files.set("metadata/timestamp.json", encode(" ".repeat(LIMITS.timestampBytes + 1)));
    script.expect("LIMIT_EXCEEDED", { trusted: { root: 1 } });
  } },
  { clause: "5.4.2", title: "a timestamp that other keys signed", script: async (script) => {
    script.next("timestamp", () => undefined, [await testKey()]);
    script.expect("METADATA_UNSIGNED", { trusted: { root: 1 } });
  } },
  { clause: "5.4.2", title: "a timestamp that the snapshot's key signed", script: (script) => {
    script.next("timestamp", () => undefined, script.repository.keysOf("snapshot"));
    script.expect("METADATA_UNSIGNED", { trusted: { root: 1 } });
  } },
  { clause: "5.4.2", title: "a timestamp that too few signed", script: async (script) => {
    const [first, second, third] = await Promise.all([testKey(), testKey("ed25519"), testKey()]);
    script.give("timestamp", [first, second, third], { threshold: 2 });
    script.next("timestamp", () => undefined, [second]);
    script.expect("METADATA_UNSIGNED", { trusted: { root: 2 } });
    script.next("timestamp", () => undefined, [second, third]);
    script.expect("OK", { trusted: { ...ALL, root: 2, timestamp: 3 } });
  } },
  { clause: "5.4.2", title: "a stored timestamp that a newer root does not trust is as if it were not there", script: async (script) => {
    script.expect("OK");
    script.give("timestamp", [await testKey()]);
    script.expect("METADATA_UNSIGNED");
    script.next("timestamp");
    script.expect("OK", { trusted: { ...ALL, root: 2, timestamp: 2 } });
  } },
  { clause: "5.4.3.1", title: "a timestamp of a lower version", script: (script) => {
    const old = script.repository.file("timestamp");
    script.next("timestamp");
    script.expect("OK");
    script.repository.files.set("metadata/timestamp.json", old);
    script.expect("METADATA_ROLLBACK", { trusted: { ...ALL, timestamp: 2 } });
  } },
  { clause: "5.4.3.1", title: "another timestamp of the same version is left aside, and is no error", script: (script) => {
    script.expect("OK");
    script.repository.of("timestamp").version--;
    script.next("timestamp", (signed) => (signed["meta"] = { "snapshot.json": { version: 100 } }));
    script.expect("OK", { trusted: ALL, requests: ["metadata/2.root.json", "metadata/timestamp.json"] });
  } },
  { clause: "5.4.3.2", title: "a timestamp that names a lower snapshot", script: (script) => {
    script.repository.publish("snapshot", "timestamp");
    script.expect("OK");
    script.next("timestamp", (signed) => (signed["meta"] = { "snapshot.json": { version: 1 } }));
    script.expect("METADATA_ROLLBACK", { trusted: { ...ALL, timestamp: 2, snapshot: 2 } });
  } },
  { clause: "5.4.4", title: "a timestamp is good until its expiry, and not at it", script: (script) => {
    script.expect("OK", { trusted: ALL }, { now: NOW + DAY - 1 });
    script.expect("METADATA_EXPIRED", { trusted: ALL }, { now: NOW + DAY });
    script.next("timestamp", (signed) => (signed.expires = iso(NOW + DAY)));
    script.expect("METADATA_EXPIRED", { trusted: ALL }, { now: NOW + DAY });
    script.next("timestamp", (signed) => (signed.expires = iso(NOW + 2 * DAY)));
    script.expect("OK", { trusted: { ...ALL, timestamp: 3 } }, { now: NOW + DAY });
  } },
  { clause: "5.4.5", title: "a timestamp is kept before the snapshot is asked for", script: (script) => {
    script.expect("OK");
    script.next("timestamp", (signed) => (signed["meta"] = { "snapshot.json": { version: 2 } }));
    script.expect("HTTP_STATUS", { trusted: { ...ALL, timestamp: 2 }, requests: ["metadata/2.root.json", "metadata/timestamp.json", "metadata/2.snapshot.json"] });
    script.repository.of("snapshot").version = 1;
    script.next("snapshot");
    script.expect("OK", { trusted: { ...ALL, timestamp: 2, snapshot: 2 } });
  } },
  { clause: "5.5.1", title: "a snapshot that is longer than its timestamp says", script: (script) => {
    script.next("snapshot");
    script.next("timestamp", (signed) => (signed["meta"] = { "snapshot.json": { version: 2, length: 10 } }));
    script.expect("LIMIT_EXCEEDED", { trusted: { root: 1, timestamp: 2 } });
  } },
  { clause: "5.5.1", title: "a snapshot that is said to be larger than any may be is not asked for", script: (script) => {
    script.next("timestamp", (signed) => (signed["meta"] = { "snapshot.json": { version: 2, length: LIMITS.snapshotBytes + 1 } }));
    script.expect("LIMIT_EXCEEDED", { requests: ["metadata/2.root.json", "metadata/timestamp.json"] });
  } },
  { clause: "5.5.2", title: "a snapshot of another hash", script: (script) => {
    script.next("snapshot");
    script.next("timestamp", (signed) => (signed["meta"] = { "snapshot.json": { version: 2, hashes: { sha256: "00".repeat(32) } } }));
    script.expect("METADATA_MISMATCH", { trusted: { root: 1, timestamp: 2 } });
  } },
  { clause: "5.5.2", title: "every hash that is named must agree, and one that cannot be computed agrees with nothing", script: (script) => {
    const { repository } = script;
    script.next("snapshot");
    script.next("timestamp", (signed) => {
      const { "snapshot.json": named } = signed["meta"] as { "snapshot.json": { hashes: object } };
      signed["meta"] = { "snapshot.json": { ...named, hashes: { ...named.hashes, sha512: "00".repeat(64) } } };
    });
    script.expect("METADATA_MISMATCH");
    repository.publish("snapshot");
    script.next("timestamp", (signed) => (signed["meta"] = { "snapshot.json": { version: 3, hashes: { md5: "00".repeat(16) } } }));
    script.expect("METADATA_MISMATCH", { trusted: { root: 1, timestamp: 3 } });
  } },
  { clause: "5.5.2", title: "a snapshot that is shorter than its timestamp says", script: (script) => {
    script.next("snapshot");
    script.next("timestamp", (signed) => (signed["meta"] = { "snapshot.json": { version: 2, length: 100_000 } }));
    script.expect("METADATA_MISMATCH", { trusted: { root: 1, timestamp: 2 } });
  } },
  { clause: "5.5.3", title: "a snapshot that other keys signed", script: async (script) => {
    script.next("snapshot", () => undefined, [await testKey()]);
    script.next("timestamp");
    script.expect("METADATA_UNSIGNED", { trusted: { root: 1, timestamp: 2 } });
  } },
  { clause: "5.5.4", title: "a snapshot of another version than its timestamp says", script: (script) => {
    script.next("snapshot");
    script.next("timestamp", (signed) => (signed["meta"] = { "snapshot.json": { version: 3 } }));
    script.repository.files.set("metadata/3.snapshot.json", script.repository.file("snapshot", 2));
    script.expect("METADATA_MISMATCH", { trusted: { root: 1, timestamp: 2 } });
  } },
  ...["targets", "publisher"].map((role): Case => ({ clause: "5.5.5", title: `a snapshot that names a lower version of ${role}`, script: (script) => {
    script.repository.publishTargets(role);
    script.expect("OK");
    script.next("snapshot", (signed) => (signed["meta"] = { ...(signed["meta"] as object), [`${role}.json`]: { version: 1 } }));
    script.next("timestamp");
    script.expect("METADATA_ROLLBACK", { trusted: { ...ALL, timestamp: 3, snapshot: 2, targets: role === "targets" ? 2 : 1 } });
  } })),
  { clause: "5.5.5", title: "a snapshot that no longer names a role", script: (script) => {
    script.expect("OK");
    script.next("snapshot", (signed) => {
      const { "publisher.json": _publisher, ...rest } = signed["meta"] as Record<string, unknown>;
      signed["meta"] = rest;
    });
    script.next("timestamp");
    script.expect("METADATA_ROLLBACK", { trusted: { ...ALL, timestamp: 2 } });
  } },
  { clause: "5.5.5", title: "versions that were seen count though a later snapshot was refused", script: (script) => {
    const { repository } = script;
    repository.publishTargets("targets");
    script.expect("OK");
    const meta = repository.of("snapshot")["meta"];
    script.next("snapshot", (signed) => (signed["meta"] = { ...(meta as object), "targets.json": { version: 1 } }));
    script.next("timestamp");
    script.expect("METADATA_ROLLBACK");
    script.expect("METADATA_ROLLBACK", { trusted: { ...ALL, timestamp: 3, snapshot: 2, targets: 2 } });
    script.next("snapshot", (signed) => (signed["meta"] = meta));
    script.next("timestamp");
    script.expect("OK", { trusted: { ...ALL, timestamp: 4, snapshot: 4, targets: 2 } });
  } },
  { clause: "5.5.6", title: "a snapshot that is expired", script: (script) => {
    script.expect("OK");
    script.next("snapshot", (signed) => (signed.expires = PAST));
    script.next("timestamp");
    script.expect("METADATA_EXPIRED", { trusted: { ...ALL, timestamp: 2 } });
  } },
  { clause: "5.5.7", title: "a snapshot is kept before the targets are asked for", script: (script) => {
    script.expect("OK");
    script.next("snapshot", (signed) => (signed["meta"] = { ...(signed["meta"] as object), "targets.json": { version: 2 } }));
    script.next("timestamp");
    script.expect("HTTP_STATUS", { trusted: { ...ALL, timestamp: 2, snapshot: 2 } });
  } },
];
