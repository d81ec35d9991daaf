import { AshoreError } from "../../protocol/errors.ts";
import { assertSignable, canonicalJson, type Metadata, type RoleKeys, type Targets } from "../../protocol/tuf/index.ts";
import type { Clock } from "../ports.ts";
import { printMetadata, type SignedJson } from "./commit.ts";
import type { SignedTargets } from "./compose.ts";
import { LIFETIMES, PUBLISHER_PREFIX } from "./lifetimes.ts";
import { nextTargets } from "./next-commit.ts";
import type { SigningKey } from "./signing-key.ts";
import { stillAsked, type SigningRequest } from "./signing-request.ts";

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
export async function signDelegatedRole({ keys, ...next }: DelegatedRole): Promise<Uint8Array<ArrayBuffer>> {
  if (keys.length === 0) throw new AshoreError("KEY_MISSING", `There is no key to sign "${next.role}" with.`);
  const signed = nextDelegatedRole(next);
  const form = canonicalJson(signed);
  const signatures = new Map<string, string>();
  for (const key of keys) signatures.set(key.keyid, await key.sign(form));
  return printMetadata(signed, signatures);
}

function nextDelegatedRole({ role, previous, targets, clock }: Omit<DelegatedRole, "keys">): SignedJson {
  const signed = nextTargets(role, previous, targets, { lifetimes: LIFETIMES, now: clock.now() });
  assertSignable(signed);
  return signed;
}

/** The same, to be signed in several places. @throws METADATA_MALFORMED */
export function requestDelegatedRole(next: Omit<DelegatedRole, "keys">, { keyids, threshold }: RoleKeys): SigningRequest {
  return { documents: [{ role: next.role, signed: nextDelegatedRole(next), signers: [{ keyids, threshold }], signatures: new Map() }] };
}

/** A role's metadata out of a request that enough keys signed. @throws KEY_MISSING saying which signatures it lacks; USAGE for a request of something else */
export function signedDelegatedRole(request: SigningRequest): { readonly role: string; readonly bytes: Uint8Array<ArrayBuffer> } {
  const [document, ...others] = request.documents;
  if (document === undefined || others.length > 0 || !document.role.startsWith(PUBLISHER_PREFIX)) {
    throw new AshoreError("USAGE", `The file is not what "ashore publish --to --prepare" wrote: it asks for ${request.documents.map(({ role }) => `"${role}"`).join(", ")}. Changes of keys are put in place by "ashore keys apply", on the server.`);
  }
  const [lacking] = [...stillAsked(request).values()].flat();
  if (lacking !== undefined) throw new AshoreError("KEY_MISSING", `"${document.role}" still lacks ${lacking.threshold} of the signatures of ${lacking.keyids.map((keyid) => keyid.slice(0, 12)).join(", ")}. Sign the file where those keys are: ashore keys sign FILE --key KEY.`);
  return { role: document.role, bytes: printMetadata(document.signed, document.signatures) };
}
