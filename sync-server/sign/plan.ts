import { isDue, lifetimeOf, type Lifetimes } from "./lifetimes.ts";

export interface RoleAge {
  readonly role: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** Whether enough of its keys are here. */
  readonly signable: boolean;
}

/**
 * The roles past half of their life that can be signed here. The root is one of them: a folder that holds its keys is one
 * that made them for development; offline keys are somewhere else, and so is the duty.
 */
export function dueRoles(ages: readonly RoleAge[], lifetimes: Lifetimes, now: number): ReadonlySet<string> {
  return new Set(ages.filter(({ role, expires, signable }) => signable && isDue(expires, lifetimeOf(role, lifetimes), now)).map(({ role }) => role));
}

export interface SigningPlan {
  readonly root: boolean;
  /** Targets roles, each before the snapshot that names it. */
  readonly roles: readonly string[];
  readonly snapshot: boolean;
  readonly timestamp: boolean;
}

/** What must be signed when these roles are: whatever names them too, up to the timestamp. */
export function planSigning(roles: ReadonlySet<string>): SigningPlan {
  const targetsRoles = [...roles].filter((role) => role !== "root" && role !== "snapshot" && role !== "timestamp").sort();
  const snapshot = targetsRoles.length > 0 || roles.has("snapshot");
  const root = roles.has("root");
  // No other metadata names the root; the timestamp is signed with it so that devices look again.
  return { root, roles: targetsRoles, snapshot, timestamp: root || snapshot || roles.has("timestamp") };
}
