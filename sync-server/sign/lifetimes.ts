const DAY = 24 * 3_600_000;

/** How long the metadata of a role is good for, in milliseconds. */
export interface Lifetimes {
  readonly root: number;
  readonly targets: number;
  /** `publisher-<model>`: signed by people, when they publish. */
  readonly publisher: number;
  /** Every other role delegated to: signed again by a server, or by `ashore renew`. */
  readonly delegated: number;
  readonly snapshot: number;
  /** From 1 to 7 days: how long a device can be kept from news without noticing. */
  readonly timestamp: number;
}

/** A model's own publisher: what its role is called before the model's name. */
export const PUBLISHER_PREFIX = "publisher-";

export const LIFETIMES: Lifetimes = {
  root: 365 * DAY,
  targets: 365 * DAY,
  publisher: 365 * DAY,
  delegated: 30 * DAY,
  snapshot: 30 * DAY,
  timestamp: DAY,
};

export function lifetimeOf(role: string, lifetimes: Lifetimes): number {
  if (role === "root" || role === "targets" || role === "snapshot" || role === "timestamp") return lifetimes[role];
  return role.startsWith(PUBLISHER_PREFIX) ? lifetimes.publisher : lifetimes.delegated;
}

/** Past half of its life: time to sign it again, with the other half left for whatever goes wrong. */
export function isDue(expires: number, lifetime: number, now: number): boolean {
  return expires - now < lifetime / 2;
}

/** How long before its end people are told of metadata that only they can sign again. */
export const NOTICE_MS = 30 * DAY;

/**
 * So near its end that whoever signs it should have done so: within 30 days, and past three quarters of its life. For who does
 * not know whether somebody is about to; what is signed by a server never comes so far.
 */
export function isOverdue(role: string, expires: number, now: number): boolean {
  return expires - now < Math.min(NOTICE_MS, lifetimeOf(role, LIFETIMES) / 4);
}
