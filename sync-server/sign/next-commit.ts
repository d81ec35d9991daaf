import { AshoreError } from "../../protocol/errors.ts";
import { parseStrictJson } from "../../protocol/strict-json.ts";
import { printExpiry, type Metadata } from "../../protocol/tuf/index.ts";
import type { Commit, Unsigned } from "./commit.ts";
import { composeTargets, targetsOf, type SignedTarget, type SignedTargets } from "./compose.ts";
import { lifetimeOf, type Lifetimes } from "./lifetimes.ts";
import { planSigning } from "./plan.ts";
import type { Repository, RepositoryRole } from "./repository.ts";

/** The metadata that follows `before`: fields that are not known here stay as they were. Undefined where nothing changes. */
export function composeCommit(before: Repository, roles: ReadonlySet<string>, targets: ReadonlyMap<string, SignedTargets>, lifetimes: Lifetimes, now: number): Commit | undefined {
  const plan = planSigning(roles);
  if (!plan.root && !plan.timestamp) return undefined;
  const { root, timestamp, snapshot } = before;
  const next = (role: string, metadata: Metadata<{ readonly version: number }>) => ({
    ...signedJson(metadata),
    version: metadata.signed.version + 1,
    expires: printExpiry(now + lifetimeOf(role, lifetimes)),
  });
  const nextRole = (role: string): Unsigned => {
    const found = before.roles.get(role);
    if (found === undefined) throw new AshoreError("INTERNAL", `The role "${role}" is to be signed and does not exist.`);
    const changed = targets.get(role) ?? targetsIn(found);
    const composed = composeTargets({ version: 1, expires: now + lifetimeOf(role, lifetimes) }, changed);
    return { signers: found.signers, signed: found.metadata === undefined ? composed : { ...next(role, found.metadata), targets: composed.targets } };
  };
  return {
    root: plan.root ? { signed: next("root", root), signers: root.signed.roles.root } : undefined,
    roles: new Map(plan.roles.map((role) => [role, nextRole(role)])),
    snapshot: plan.snapshot
      ? (meta) => ({ signers: root.signed.roles.snapshot, signed: { ...next("snapshot", snapshot), meta: { ...objectAt(snapshot, "meta"), ...meta } } })
      : undefined,
    timestamp: plan.timestamp
      ? (meta) => ({ signers: root.signed.roles.timestamp, signed: { ...next("timestamp", timestamp), meta: { ...objectAt(timestamp, "meta"), ...meta } } })
      : undefined,
  };
}

/** The `signed` object as it was received. Its form was checked when the metadata was read. */
function signedJson(metadata: Metadata<unknown>): object {
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
