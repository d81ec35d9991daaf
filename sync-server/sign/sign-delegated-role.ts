import { AshoreError } from "../../protocol/errors.ts";
import { assertSignable, canonicalJson, type Metadata, type Targets } from "../../protocol/tuf/index.ts";
import type { Clock } from "../ports.ts";
import { printMetadata } from "./commit.ts";
import type { SignedTargets } from "./compose.ts";
import { LIFETIMES } from "./lifetimes.ts";
import { nextTargets } from "./next-commit.ts";
import type { SigningKey } from "./signing-key.ts";

export interface DelegatedRole {
  readonly role: string;
  /** What the repository holds of the role now; undefined where it has signed nothing yet. */
  readonly previous: Metadata<Targets> | undefined;
  /** All targets that the role is to name. */
  readonly targets: SignedTargets;
  /** Those that the delegation names; each of them signs. */
  readonly keys: readonly SigningKey[];
  readonly clock: Pick<Clock, "now">;
}

/**
 * The next version of a delegated role's metadata, signed apart from any repository, to be handed to one
 * ({@link import("./accept-role.ts").acceptRole}). What `previous` says besides targets stays.
 * @throws KEY_MISSING without any key, KEY_LOCKED, METADATA_MALFORMED for what no signature can be over
 */
export async function signDelegatedRole({ role, previous, targets, keys, clock }: DelegatedRole): Promise<Uint8Array<ArrayBuffer>> {
  if (keys.length === 0) throw new AshoreError("KEY_MISSING", `There is no key to sign "${role}" with.`);
  const signed = nextTargets(role, previous, targets, { lifetimes: LIFETIMES, now: clock.now() });
  assertSignable(signed);
  const form = canonicalJson(signed);
  const signatures = new Map<string, string>();
  for (const key of keys) signatures.set(key.keyid, await key.sign(form));
  return printMetadata(signed, signatures);
}
