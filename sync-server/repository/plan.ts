import { versionOfFolder, type Version } from "../../protocol/names.ts";
import type { VersionPolicy } from "../../protocol/serving-config.ts";

export interface VersionFolders {
  /** The folder's name, by version. */
  readonly folders: ReadonlyMap<Version, string>;
  /** Names that another name of the same number stands before (`1` beside `001`). */
  readonly shadowed: readonly { readonly version: Version; readonly name: string; readonly by: string }[];
}

/**
 * The versions among a base path's entries, TensorFlow Serving's way (`file_system_storage_path_source.cc`): names of decimal
 * digits, leading zeros fine, others passed over; of two names for one number the lexicographically last is taken.
 */
export function versionFolders(names: readonly string[]): VersionFolders {
  const folders = new Map<Version, string>();
  const shadowed: { version: Version; name: string; by: string }[] = [];
  for (const name of [...names].sort()) {
    const version = versionOfFolder(name);
    if (version === undefined) continue;
    const before = folders.get(version);
    if (before !== undefined) shadowed.push({ version, name: before, by: name });
    folders.set(version, name);
  }
  return { folders, shadowed };
}

export interface WantedSettings {
  readonly policy: VersionPolicy;
  readonly labels: Readonly<Record<string, Version>>;
}

/**
 * The versions to publish of those that are there, highest first: the policy's, and every labelled one, which devices hold too.
 * Under `latest`, one that cannot be published leaves its place to the next lower, so that a broken newest version never leaves a
 * model without any.
 */
export function wantedVersions(present: Iterable<Version>, { policy, labels }: WantedSettings, failed: ReadonlySet<Version>): readonly Version[] {
  const versions = [...present].sort((a, b) => b - a);
  const labelled = new Set(Object.values(labels));
  const chosen = new Set(chosenBy(policy, versions, failed));
  return versions.filter((version) => chosen.has(version) || labelled.has(version));
}

function chosenBy(policy: VersionPolicy, versions: readonly Version[], failed: ReadonlySet<Version>): readonly Version[] {
  if ("all" in policy) return versions;
  if ("specific" in policy) return policy.specific;
  const chosen: Version[] = [];
  let places = policy.latest;
  for (const version of versions) {
    if (places === 0) break;
    chosen.push(version);
    if (!failed.has(version)) places--;
  }
  return chosen;
}

/** How a version's folder looked: equal text means the same files, sizes and times. */
export interface Fingerprint {
  readonly text: string;
  /** The latest change of any file, in milliseconds since 1970. */
  readonly newest: number;
}

/**
 * Whether a folder stood still: it looks as it did a poll ago, or nothing in it changed for two polls' time (so that a
 * restart need not wait for old folders).
 */
export function stoodStill(before: Fingerprint | undefined, now: Fingerprint, time: number, pollMs: number): boolean {
  return before?.text === now.text || now.newest < time - 2 * pollMs;
}
