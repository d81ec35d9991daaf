import { AshoreError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { Delegations, TargetFile, Targets } from "./metadata-schema.ts";
import { covers, mayCoverUnder } from "./path-pattern.ts";

/** Trusted metadata of a targets role, as `delegator` delegates to it; loads it where it is not held yet. */
export type LoadRole = (role: string, delegator: string) => Promise<Targets>;

export interface FoundTarget {
  readonly path: string;
  readonly file: TargetFile;
  readonly role: string;
  readonly roleVersion: number;
}

interface Visit {
  readonly role: string;
  readonly delegator: string;
}

const TOP: Visit = { role: "targets", delegator: "root" };

/**
 * The target of a path: delegations are walked in pre-order, in the order that they are listed, only where they cover the
 * path, never a role twice, not past a terminating one that covers it, and to LIMITS.delegationVisits roles at most (The
 * Update Framework 5.6.7). The first role that names the path has the say.
 */
export async function findTarget(path: string, load: LoadRole): Promise<FoundTarget | undefined> {
  const visited = new Set<string>();
  let ahead: readonly Visit[] = [TOP];
  for (;;) {
    const [visit, ...rest] = ahead;
    if (visit === undefined || visited.size >= LIMITS.delegationVisits) return undefined; // 5.6.7.1, 5.7.2
    ahead = rest;
    if (visited.has(visit.role)) continue; // 5.6.7.1
    visited.add(visit.role);
    const { version, targets, delegations } = await load(visit.role, visit.delegator);
    const file = targets.get(path);
    if (file !== undefined) return { path, file, role: visit.role, roleVersion: version };
    const { children, terminated } = await covering(delegations, path);
    const below = children.map((role) => ({ role, delegator: visit.role }));
    ahead = terminated ? below : [...below, ...rest]; // 5.6.7.2.1, 5.6.7.2.2
  }
}

async function covering({ roles }: Delegations, path: string): Promise<{ readonly children: readonly string[]; readonly terminated: boolean }> {
  const children: string[] = [];
  for (const delegation of roles) {
    if (!(await covers(delegation, path))) continue;
    children.push(delegation.name);
    if (delegation.terminating) return { children, terminated: true };
  }
  return { children, terminated: false };
}

/**
 * Every target under a folder (`"serving/"`), as {@link findTarget} finds each, sorted by path. Only roles that could cover
 * something there are loaded.
 * @throws LIMIT_EXCEEDED past LIMITS.listedRoles roles
 */
export async function listTargets(folder: string, load: LoadRole): Promise<readonly FoundTarget[]> {
  const paths = new Set<string>();
  const visited = new Set<string>();
  const ahead: Visit[] = [TOP];
  for (let visit = ahead.pop(); visit !== undefined; visit = ahead.pop()) {
    const key = JSON.stringify([visit.delegator, visit.role]);
    if (visited.has(key)) continue;
    visited.add(key);
    if (visited.size > LIMITS.listedRoles) throw new AshoreError("LIMIT_EXCEEDED", `More than ${LIMITS.listedRoles} roles may sign for targets under ${folder}; name a narrower folder.`);
    const { targets, delegations } = await load(visit.role, visit.delegator);
    for (const path of targets.keys()) if (path.startsWith(folder)) paths.add(path);
    for (const delegation of delegations.roles) if (mayCoverUnder(delegation, folder)) ahead.push({ role: delegation.name, delegator: visit.role });
  }
  const found: FoundTarget[] = [];
  for (const path of [...paths].sort()) {
    // A role may name a path that nobody lets it sign, or that another role has the say over.
    const target = await findTarget(path, load);
    if (target !== undefined) found.push(target);
  }
  return found;
}
