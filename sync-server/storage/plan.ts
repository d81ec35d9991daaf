import type { ListedFile } from "./file-storage.ts";
import { KEEP_MS } from "./keep.ts";

/** One role's metadata file, `metadata/7.publisher.json`. */
export interface RoleFile extends ListedFile {
  /** As it stands in the file's name. */
  readonly role: string;
  readonly version: number;
}

export interface MetadataPlan {
  readonly keep: readonly RoleFile[];
  readonly remove: readonly RoleFile[];
}

/**
 * Which metadata to keep: every root; of each other role what the current timestamp leads to, whatever is newer, and what was
 * current within the last 24 h (its successor is younger than that).
 * @param current the version of each role that published metadata names now
 */
export function planMetadata(files: readonly ListedFile[], current: ReadonlyMap<string, number>, now: number): MetadataPlan {
  const byRole = new Map<string, RoleFile[]>();
  for (const file of files) {
    const match = /^metadata\/([0-9]+)\.(.+)\.json$/.exec(file.path);
    const [, version, role] = match ?? [];
    if (version === undefined || role === undefined) continue;
    const list = byRole.get(role) ?? [];
    list.push({ ...file, role, version: Number(version) });
    byRole.set(role, list);
  }
  const keep: RoleFile[] = [];
  const remove: RoleFile[] = [];
  for (const [role, list] of byRole) {
    const versions = list.sort((a, b) => a.version - b.version);
    // A role that nothing names any more is not known to be garbage: a delegation may bring it back.
    const named = current.get(role) ?? 0;
    versions.forEach((file, place) => {
      const successor = versions[place + 1];
      const fresh = successor === undefined || now - successor.modified < KEEP_MS;
      (role === "root" || file.version >= named || fresh ? keep : remove).push(file);
    });
  }
  return { keep, remove };
}

/**
 * Which targets and blobs to remove: those that no kept metadata names and that have been there for 24 h (a publish under way
 * writes them before it is signed).
 */
export function planContents(files: readonly ListedFile[], named: ReadonlySet<string>, now: number): readonly ListedFile[] {
  return files.filter(({ path, modified }) => !named.has(path) && now - modified >= KEEP_MS);
}
