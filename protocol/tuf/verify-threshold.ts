import { AshoreError } from "../errors.ts";
import type { Metadata } from "./metadata.ts";
import type { RoleKeys } from "./metadata-schema.ts";
import { identityOf, verifySignature, type PublicKey } from "./public-key.ts";

/**
 * That enough of a role's keys signed (The Update Framework 5.3.4, 5.4.2, 5.5.3, 5.6.3). Keys are counted, never
 * signatures: a key counts once whatever the number of ids it is listed under, and however its text is laid out.
 * @throws METADATA_UNSIGNED; KEY_UNSUPPORTED where keys that this platform cannot verify would have made up the rest
 */
export async function verifyThreshold(metadata: Metadata<unknown>, role: RoleKeys, keys: ReadonlyMap<string, PublicKey>, what: string): Promise<void> {
  const verified = new Set<string>();
  const unsupported = new Map<string, AshoreError>();
  for (const keyid of role.keyids) {
    const key = keys.get(keyid);
    const signature = metadata.signatures.get(keyid);
    if (key === undefined || signature === undefined) continue;
    try {
      if (await verifySignature(key, signature, metadata.form)) verified.add(await identityOf(key));
    } catch (error) {
      if (!(error instanceof AshoreError) || error.code !== "KEY_UNSUPPORTED") throw error;
      unsupported.set(keyid, error);
    }
  }
  if (verified.size >= role.threshold) return;
  const count = `${verified.size} of the ${role.threshold} keys that must sign it`;
  if (verified.size + unsupported.size >= role.threshold) {
    throw new AshoreError("KEY_UNSUPPORTED", `${what} is signed by ${count}, and ${unsupported.size} more signed with keys that this platform cannot verify.`, { cause: [...unsupported.values()][0] });
  }
  throw new AshoreError("METADATA_UNSIGNED", `${what} is signed by ${count}: it was changed, its keys were replaced without the root saying so, or it is of another repository.`);
}
