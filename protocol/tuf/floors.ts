/** The lowest versions that may be taken: what was trusted before (5.4.3, 5.5.5), or published before a root was signed. */
export interface Floors {
  readonly timestamp: number;
  readonly snapshot: number;
  /** By targets role; a role that is named here must not vanish. */
  readonly roles: ReadonlyMap<string, number>;
}

export const NO_FLOORS: Floors = { timestamp: 0, snapshot: 0, roles: new Map() };

/** What satisfies both. */
export function higherFloors(a: Floors, b: Floors): Floors {
  const roles = new Map(a.roles);
  for (const [role, version] of b.roles) roles.set(role, Math.max(version, roles.get(role) ?? 0));
  return { timestamp: Math.max(a.timestamp, b.timestamp), snapshot: Math.max(a.snapshot, b.snapshot), roles };
}
