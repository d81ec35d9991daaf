import { AshoreError } from "../../protocol/errors.ts";
import { canonicalJson, type Metadata, type RoleKeys } from "../../protocol/tuf/index.ts";
import type { Commit, SignedJson, Unsigned } from "./commit.ts";
import { isSignedBy, judgesOf, parseSigned, signersOf, type Documents, type Signers } from "./documents.ts";
import { nextSnapshot, nextTimestamp, type Dating, type Step } from "./next-commit.ts";
import type { Repository } from "./repository.ts";

/** Hexadecimal signatures by key id. */
export type Signatures = ReadonlyMap<string, string>;

export interface Signing {
  /** What was signed elsewhere, by role. */
  readonly signatures: ReadonlyMap<string, Signatures>;
  /** The ids of the keys that can sign here. */
  readonly here: ReadonlySet<string>;
}

/**
 * The steps that put documents in place. Where the root changes, whatever the new root would find unsigned is signed first, by
 * the old keys and the new ones; then comes the root, and a timestamp that tells devices to look. So devices of the old root and
 * of the new one find everything signed at every moment, and a crash leaves the old state or the new. Where the old keys are
 * lost the root comes first; devices then wait for the rest, and after a crash whoever signs next completes it.
 * @returns none where all of it is in place
 * @throws ABORTED for documents that follow another state, METADATA_EXPIRED, METADATA_MALFORMED, NOT_FOUND
 */
export async function planSteps(before: Repository, documents: Documents, { signatures, here }: Signing, dating: Dating): Promise<readonly Step[]> {
  const after = judgesOf(before, documents);
  const pending = new Map([...documents].filter(([role, signed]) => !isInPlace(role, signed, before)));
  for (const [role, signed] of pending) assertNext(role, signed, before, dating.now);
  const root = pending.get("root");
  const roles = [...pending.keys()].filter((role) => role !== "root");
  const signers = (role: string): Signers => signersOf(role, before, after);
  const resignSnapshot = roles.length > 0 || !(await isSignedBy(before.snapshot, signers("snapshot")));
  const resign = resignSnapshot || !(await isSignedBy(before.timestamp, signers("timestamp")));

  const canSign = (role: string, { keyids, threshold }: RoleKeys): boolean => keyids.filter((keyid) => here.has(keyid) || signatures.get(role)?.has(keyid) === true).length >= threshold;
  const resigned = [...roles, ...(resignSnapshot ? ["snapshot"] : []), ...(resign ? ["timestamp"] : [])];
  const staged = root === undefined || resigned.every((role) => canSign(role, signers(role).outgoing ?? NOBODY));

  const thresholds = (role: string): readonly RoleKeys[] => {
    const { required, outgoing } = signers(role);
    return staged && outgoing !== undefined ? [...required, outgoing] : required;
  };
  const unsigned = (role: string, signed: SignedJson): Unsigned => ({ signed, signers: thresholds(role), signatures: signatures.get(role) });
  const nextRoot = root && unsigned("root", root);
  const rest = (at: Repository): Commit => ({
    roles: new Map([...pending].filter(([role]) => role !== "root").map(([role, signed]) => [role, unsigned(role, signed)])),
    snapshot: resignSnapshot ? nextSnapshot(at, thresholds("snapshot"), dating) : undefined,
    timestamp: nextTimestamp(at, thresholds("timestamp"), dating),
  });
  if (!staged) return [(at) => ({ ...rest(at), root: nextRoot })];
  const announced: Step = (at) => ({ root: nextRoot, roles: new Map(), snapshot: undefined, timestamp: nextTimestamp(at, signers("timestamp").required, dating) });
  return [...(resign ? [rest] : []), ...(nextRoot === undefined ? [] : [announced])];
}

const NOBODY: RoleKeys = { keyids: [], threshold: 0 };

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
