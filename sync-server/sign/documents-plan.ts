import { AshoreError } from "../../protocol/errors.ts";
import { canonicalJson, type Metadata } from "../../protocol/tuf/index.ts";
import type { SignedJson, Unsigned } from "./commit.ts";
import { isSignedBy, judgesOf, parseSigned, signersOf, type Documents } from "./documents.ts";
import { nextSnapshot, nextTimestamp, type Dating, type Step } from "./next-commit.ts";
import type { Repository } from "./repository.ts";

/** Hexadecimal signatures by key id. */
export type Signatures = ReadonlyMap<string, string>;

/**
 * The steps that put documents in place. Where the root changes, whatever the new root would find unsigned is signed first, by
 * the old keys and the new ones; then comes the root, and a timestamp that tells devices to look. So devices of the old root and
 * of the new one find everything signed at every moment, and a crash leaves the old state or the new.
 * @param signatures what was signed elsewhere, by role
 * @returns none where all of it is in place
 * @throws ABORTED for documents that follow another state, METADATA_EXPIRED, METADATA_MALFORMED, NOT_FOUND
 */
export async function planSteps(before: Repository, documents: Documents, signatures: ReadonlyMap<string, Signatures>, dating: Dating): Promise<readonly Step[]> {
  const after = judgesOf(before, documents);
  const pending = [...documents].filter(([role, signed]) => !isInPlace(role, signed, before));
  for (const [role, signed] of pending) assertNext(role, signed, before, dating.now);
  const unsigned = (role: string, signed: SignedJson): Unsigned => ({ signed, signers: signersOf(role, before, after).thresholds, signatures: signatures.get(role) });
  const roles = new Map(pending.filter(([role]) => role !== "root").map(([role, signed]) => [role, unsigned(role, signed)]));
  const root = pending.find(([role]) => role === "root")?.[1];
  const [snapshot, timestamp] = [signersOf("snapshot", before, after), signersOf("timestamp", before, after)];
  const resignSnapshot = roles.size > 0 || !(await isSignedBy(before.snapshot, snapshot));
  const steps: Step[] = [];
  if (resignSnapshot || !(await isSignedBy(before.timestamp, timestamp))) {
    steps.push((at) => ({ roles, snapshot: resignSnapshot ? nextSnapshot(at, snapshot.thresholds, dating) : undefined, timestamp: nextTimestamp(at, timestamp.thresholds, dating) }));
  }
  if (root !== undefined) {
    steps.push((at) => ({ root: unsigned("root", root), roles: new Map(), snapshot: undefined, timestamp: nextTimestamp(at, [after.root.roles.timestamp], dating) }));
  }
  return steps;
}

function published(role: string, { root, roles }: Repository): Metadata<{ readonly version: number }> | undefined {
  return role === "root" ? root : roles.get(role)?.metadata;
}

function isInPlace(role: string, signed: SignedJson, before: Repository): boolean {
  const form = published(role, before)?.form;
  return form !== undefined && Buffer.compare(form, canonicalJson(signed)) === 0;
}

function assertNext(role: string, signed: SignedJson, before: Repository, now: number): void {
  const { version, expires } = parseSigned(role === "root" ? "root" : "targets", signed).signed;
  const current = published(role, before)?.signed.version ?? 0;
  if (version !== current + 1) throw new AshoreError("ABORTED", `Version ${version} of "${role}" was prepared, and version ${current} is published now: the next is ${current + 1}. Somebody else signed meanwhile; prepare it again.`);
  if (expires <= now) throw new AshoreError("METADATA_EXPIRED", `Version ${version} of "${role}" expired at ${new Date(expires).toISOString()}, before it was put in place. Prepare it again.`);
}
