import { AshoreError } from "../../protocol/errors.ts";
import { covers } from "../../protocol/tuf/index.ts";
import type { SignedTargets } from "./compose.ts";
import { targetsIn } from "./next-commit.ts";
import type { RepositoryRole } from "./repository.ts";

/**
 * That a role may sign for every target that it adds or changes: one that no client would find under it must not be signed.
 * @throws NAME_INVALID
 */
export async function assertPaths(role: string, targets: SignedTargets, found: RepositoryRole | undefined): Promise<void> {
  const before = targetsIn(found);
  for (const [path, { sha256 }] of targets) {
    if (before.get(path)?.sha256 === sha256) continue;
    const shown = JSON.stringify(path.slice(0, 200));
    const plain = /^[\x21-\x7e]+$/.test(path) && !/[\\?#%]/.test(path) && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
    if (!plain) throw new AshoreError("NAME_INVALID", `${shown} cannot be a target's path: it must be relative, of printable ASCII, without "..", "\\", "?", "#" and "%".`);
    if (found?.coverage !== undefined && !(await covers(found.coverage, path))) throw new AshoreError("NAME_INVALID", `The role "${role}" may not sign for ${path}; it may for ${found.coverage.paths?.join(", ") ?? "some hashes"}.`);
    for (const other of found?.overruledBy ?? []) {
      if (await covers(other, path)) throw new AshoreError("NAME_INVALID", `The role "${role}" may not sign for ${path}: "${other.name}" alone has the say over it.`);
    }
  }
}
