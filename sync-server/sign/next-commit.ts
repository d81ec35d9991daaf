import { AshoreError } from "../../protocol/errors.ts";
import { parseStrictJson } from "../../protocol/strict-json.ts";
import { FLOORS_FIELD, printExpiry, type Metadata, type RoleKeys, type Targets } from "../../protocol/tuf/index.ts";
import type { Commit, SignedJson, Unsigned } from "./commit.ts";
import { composeTargets, targetsOf, type SignedTarget, type SignedTargets } from "./compose.ts";
import { lifetimeOf, type Lifetimes } from "./lifetimes.ts";
import { planSigning } from "./plan.ts";
import type { Repository, RepositoryRole } from "./repository.ts";

/** What follows a state of the repository. */
export type Step = (before: Repository) => Commit;

/** When new metadata is made, and how long it is good for. */
export interface Dating {
  readonly lifetimes: Lifetimes;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The metadata that follows `before`: fields that are not known here stay as they were. Undefined where nothing changes. */
export function composeCommit(before: Repository, roles: ReadonlySet<string>, targets: ReadonlyMap<string, SignedTargets>, dating: Dating): Commit | undefined {
  const plan = planSigning(roles);
  if (!plan.timestamp) return undefined;
  const { root } = before;
  const nextRole = (role: string): Unsigned => {
    const found = before.roles.get(role);
    if (found === undefined) throw new AshoreError("INTERNAL", `The role "${role}" is to be signed and does not exist.`);
    return { signers: [found.signers], signed: nextTargets(role, found.metadata, targets.get(role) ?? targetsIn(found), dating) };
  };
  return {
    root: plan.root ? { signed: nextRoot(before, dating), signers: [root.signed.roles.root] } : undefined,
    roles: new Map(plan.roles.map((role) => [role, nextRole(role)])),
    snapshot: plan.snapshot ? nextSnapshot(before, [root.signed.roles.snapshot], dating) : undefined,
    timestamp: nextTimestamp(before, [root.signed.roles.timestamp], dating),
  };
}

/** The same metadata with the next number and a new date. */
export function nextSigned(role: string, metadata: Metadata<{ readonly version: number }>, { lifetimes, now }: Dating): SignedJson {
  return { ...signedJson(metadata), version: metadata.signed.version + 1, expires: printExpiry(now + lifetimeOf(role, lifetimes)) };
}

/** The next root, which also says what is published now: whoever trusts that root takes nothing older, though it never saw it. */
export function nextRoot({ root, timestamp, snapshot }: Pick<Repository, "root" | "timestamp" | "snapshot">, dating: Dating): SignedJson {
  const roles = Object.fromEntries([...snapshot.signed.roles].map(([role, { version }]) => [role, version]));
  return { ...nextSigned("root", root, dating), [FLOORS_FIELD]: { timestamp: timestamp.signed.version, snapshot: snapshot.signed.version, roles } };
}

/** Metadata of a targets role that follows `metadata`, or is its first, with these targets. */
export function nextTargets(role: string, metadata: Metadata<Targets> | undefined, targets: SignedTargets, dating: Dating): SignedJson {
  const composed = composeTargets({ version: 1, expires: dating.now + lifetimeOf(role, dating.lifetimes) }, targets);
  return metadata === undefined ? composed : { ...nextSigned(role, metadata, dating), targets: composed.targets };
}

export function nextSnapshot({ snapshot }: Pick<Repository, "snapshot">, signers: readonly RoleKeys[], dating: Dating): Commit["snapshot"] {
  return (meta) => ({ signers, signed: { ...nextSigned("snapshot", snapshot, dating), meta: { ...objectAt(snapshot, "meta"), ...meta } } });
}

export function nextTimestamp({ timestamp }: Pick<Repository, "timestamp">, signers: readonly RoleKeys[], dating: Dating): Commit["timestamp"] {
  return (meta) => ({ signers, signed: { ...nextSigned("timestamp", timestamp, dating), meta: { ...objectAt(timestamp, "meta"), ...meta } } });
}

/** The `signed` object as it was received. Its form was checked when the metadata was read. */
export function signedJson(metadata: Metadata<unknown>): object {
  const { signed } = parseStrictJson(metadata.bytes, "Stored metadata") as { readonly signed: object };
  return signed;
}

function objectAt(metadata: Metadata<unknown>, key: string): object {
  return (signedJson(metadata) as Readonly<Record<string, object>>)[key] ?? {};
}

/** The targets of a role as they are signed now. */
export function targetsIn(role: RepositoryRole | undefined): Map<string, SignedTarget> {
  return role?.metadata === undefined ? new Map<string, SignedTarget>() : targetsOf(role.metadata.signed);
}
