import { printExpiry } from "../../protocol/tuf/index.ts";
import { isDue, lifetimeOf, NOTICE_MS, type Lifetimes } from "./lifetimes.ts";

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

/** Likewise of what is signed elsewhere. The snapshot and the timestamp are the server's own, and never signed elsewhere. */
export function offlineDue(ages: readonly RoleAge[], lifetimes: Lifetimes, now: number): readonly string[] {
  const elsewhere = ages.filter(({ role, signable }) => !signable && role !== "snapshot" && role !== "timestamp");
  return elsewhere.filter(({ role, expires }) => isDue(expires, lifetimeOf(role, lifetimes), now)).map(({ role }) => role);
}

const DAY = 24 * 3_600_000;

/** What expires within 30 days, or has, and cannot be signed again here; the first to expire first. */
export function expiringElsewhere(ages: readonly RoleAge[], now: number): readonly RoleAge[] {
  return ages.filter(({ signable, expires }) => !signable && expires - now < NOTICE_MS).toSorted((a, b) => a.expires - b.expires);
}

/** For people: `"root" expires in 12 days, at 2030-01-13T00:00:00Z`. */
export function expiryText({ role, expires }: Pick<RoleAge, "role" | "expires">, now: number): string {
  const left = expires - now;
  const days = Math.floor(left / DAY);
  const when = left <= 0 ? "expired" : `expires in ${days >= 2 ? `${days} days` : `${Math.floor(left / (DAY / 24))} hours`}`;
  return `"${role}" ${when}, at ${printExpiry(expires)}`;
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
