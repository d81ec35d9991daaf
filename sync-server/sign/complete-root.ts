import { isSignedBy, judgesOf, signersOf, targetsMetadata } from "./documents.ts";
import { planSteps } from "./documents-plan.ts";
import { nextSigned, type Dating, type Step } from "./next-commit.ts";
import type { Repository } from "./repository.ts";
import type { SigningKey } from "./signing-key.ts";

/** What completes a change of keys that was cut off after its root: what that root finds unsigned, signed by its keys. */
export async function completionSteps(behind: Repository, keys: readonly SigningKey[], dating: Dating): Promise<readonly Step[]> {
  const targets = targetsMetadata(behind);
  const signed = await isSignedBy(targets, signersOf("targets", behind, judgesOf(behind, new Map())));
  const documents = new Map(signed ? [] : [["targets", nextSigned("targets", targets, dating)] as const]);
  return planSteps(behind, documents, { signatures: new Map(), here: idsOf(keys) }, dating);
}

/** The ids of the keys that can sign. */
export function idsOf(keys: readonly SigningKey[]): ReadonlySet<string> {
  return new Set(keys.filter(({ locked }) => !locked).map(({ keyid }) => keyid));
}
