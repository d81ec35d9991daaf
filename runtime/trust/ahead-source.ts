import { LIMITS } from "../../protocol/limits.ts";
import type { MetaFile } from "../../protocol/tuf/index.ts";
import type { WithSignal } from "../ports.ts";
import type { MetadataSource } from "./metadata-source.ts";

/**
 * A source that is told which roles will be asked for: they are fetched beside each other instead of one after the other. What
 * comes is as unproved as ever, and judged when and as it would have been; what nobody asks for is dropped.
 */
export interface AheadSource extends MetadataSource {
  expect(roles: ReadonlyMap<string, MetaFile>, consistentSnapshot: boolean, options?: WithSignal): void;
}

export function aheadSource(source: MetadataSource): AheadSource {
  const coming = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
  const key = (role: string, { version }: MetaFile): string => `${version} ${role}`;
  return {
    ...source,
    expect(roles, consistentSnapshot, options) {
      coming.clear();
      // A repository with many publishers: most of them are none of this device's business.
      if (roles.size > LIMITS.parallelFetches) return;
      for (const [role, named] of roles) {
        const bytes = source.role(role, named, consistentSnapshot, options);
        bytes.catch(() => undefined);
        coming.set(key(role, named), bytes);
      }
    },
    role(role, named, consistentSnapshot, options) {
      const bytes = coming.get(key(role, named));
      coming.delete(key(role, named));
      // Who asks has a signal of its own; what fails on the way is asked for once more by the next poll.
      return bytes ?? source.role(role, named, consistentSnapshot, options);
    },
  };
}
