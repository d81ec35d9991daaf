/** The four roles that every repository has (The Update Framework 2.1). */
export const TOP_LEVEL_ROLES = ["root", "timestamp", "snapshot", "targets"] as const;
export type TopLevelRole = (typeof TOP_LEVEL_ROLES)[number];

export function isTopLevelRole(name: string): name is TopLevelRole {
  return (TOP_LEVEL_ROLES as readonly string[]).includes(name);
}

/**
 * The file name of a role's metadata, `3.publisher.json` or, without a version, `publisher.json`. Delegations choose role
 * names freely, `../x` included; escaped as in a URL a name holds no `/` and cannot leave its folder.
 */
export function metadataFileName(role: string, version?: number): string {
  const name = `${encodeURIComponent(role)}.json`;
  return version === undefined ? name : `${version}.${name}`;
}

/** Where a target lies under `/targets/` with consistent snapshots: `<folder>/<hash>.<name>` (The Update Framework 6.2). */
export function consistentTargetPath(path: string, hash: string): string {
  const cut = path.lastIndexOf("/") + 1;
  return `${path.slice(0, cut)}${hash}.${path.slice(cut)}`;
}
