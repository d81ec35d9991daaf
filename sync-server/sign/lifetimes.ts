const DAY = 24 * 3_600_000;

/** How long the metadata of a role is good for, in milliseconds. Delegated roles share one. */
export interface Lifetimes {
  readonly root: number;
  readonly targets: number;
  readonly delegated: number;
  readonly snapshot: number;
  /** From 1 to 7 days: how long a device can be kept from news without noticing. */
  readonly timestamp: number;
}

export const LIFETIMES: Lifetimes = {
  root: 365 * DAY,
  targets: 365 * DAY,
  delegated: 30 * DAY,
  snapshot: 30 * DAY,
  timestamp: DAY,
};

export function lifetimeOf(role: string, lifetimes: Lifetimes): number {
  if (role === "root" || role === "targets" || role === "snapshot" || role === "timestamp") return lifetimes[role];
  return lifetimes.delegated;
}

/** Past half of its life: time to sign it again, with the other half left for whatever goes wrong. */
export function isDue(expires: number, lifetime: number, now: number): boolean {
  return expires - now < lifetime / 2;
}
