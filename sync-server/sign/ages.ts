import { hasSigners } from "./commit.ts";
import type { RoleAge } from "./plan.ts";
import type { Repository } from "./repository.ts";
import type { SigningKey } from "./signing-key.ts";

/** What of a repository expires when, and whether these keys can sign it again; the root first, the timestamp last. */
export function agesOf({ root, timestamp, snapshot, roles }: Repository, keys: readonly SigningKey[]): readonly RoleAge[] {
  const top = (role: "root" | "timestamp" | "snapshot", expires: number): RoleAge => ({ role, expires, signable: hasSigners(keys, root.signed.roles[role]) });
  const targets = [...roles].flatMap(([role, { metadata, signers }]): RoleAge[] => (metadata === undefined ? [] : [{ role, expires: metadata.signed.expires, signable: hasSigners(keys, signers) }]));
  return [top("root", root.signed.expires), ...targets, top("snapshot", snapshot.signed.expires), top("timestamp", timestamp.signed.expires)];
}
