import { AshoreError } from "../../protocol/errors.ts";
import { isTopLevelRole, parseMetadata, unlessRefused, verifyThreshold, type Metadata, type PublicKey, type RoleKeys, type Root, type Targets } from "../../protocol/tuf/index.ts";
import { printMetadata, type SignedJson } from "./commit.ts";
import { planKeys, type DelegationsJson, type KeyRequest, type RootJson } from "./keys-plan.ts";
import { nextRoot, nextSigned, nextTargets, signedJson, targetsIn, type Dating } from "./next-commit.ts";
import type { Repository } from "./repository.ts";

/** Next metadata by role: of `root`, `targets`, and roles delegated to. The server signs what remains. */
export type Documents = ReadonlyMap<string, SignedJson>;

/** Who says who signs, once the documents count. */
export interface Judges {
  readonly root: Root;
  readonly targets: Targets;
}

export interface Signers {
  /** Each of these thresholds must be met. */
  readonly required: readonly RoleKeys[];
  /** Who signed before, where the root changes that: signed by both, metadata is good before and after the root. They may be lost. */
  readonly outgoing: RoleKeys | undefined;
  /** The public keys by id. */
  readonly keys: ReadonlyMap<string, PublicKey>;
}

/**
 * The metadata that a change of keys consists of: what names the keys, and the role's own where it would not be signed as that
 * says. A model that is given to keys of its own takes along what `publisher` signed of it.
 * @throws what planKeys throws
 */
export async function composeKeyDocuments(before: Repository, request: KeyRequest, dating: Dating): Promise<Documents> {
  const targets = targetsMetadata(before);
  // The forms of both were checked when the metadata was read.
  const root = signedJson(before.root) as SignedJson & RootJson;
  const { delegations = { keys: {}, roles: [] } } = signedJson(targets) as { readonly delegations?: DelegationsJson };
  const plan = planKeys(root, delegations, request);
  const documents = new Map<string, SignedJson>(
    "root" in plan ? [["root", { ...nextRoot(before, dating), ...plan.root }]] : [["targets", { ...nextSigned("targets", targets, dating), delegations: plan.delegations }]],
  );
  const { role } = plan;
  const own = before.roles.get(role)?.metadata;
  if (own !== undefined && !documents.has(role) && !(await isSignedBy(own, signersOf(role, before, judgesOf(before, documents))))) documents.set(role, nextSigned(role, own, dating));
  if (request.kind === "delegate") {
    const inherited = [...targetsIn(before.roles.get("publisher"))].filter(([path]) => path.startsWith(`models/${request.model}/`));
    if (inherited.length > 0) documents.set(role, nextTargets(role, undefined, new Map(inherited), dating));
  }
  return documents;
}

/** @throws METADATA_MALFORMED */
export function judgesOf(before: Repository, documents: Documents): Judges {
  const root = documents.get("root");
  const targets = documents.get("targets");
  return {
    root: root === undefined ? before.root.signed : parseSigned("root", root).signed,
    targets: targets === undefined ? targetsMetadata(before).signed : parseSigned("targets", targets).signed,
  };
}

/** @throws NOT_FOUND where nobody delegates to the role */
export function signersOf(role: string, before: Repository, after: Judges): Signers {
  if (isTopLevelRole(role)) {
    const [old, next] = [before.root.signed.roles[role], after.root.roles[role]];
    const changed = JSON.stringify(old) !== JSON.stringify(next);
    const keys = new Map([...before.root.signed.keys, ...after.root.keys]);
    // A root must be signed by the one before it (The Update Framework 5.3.4).
    if (role === "root") return { required: changed ? [old, next] : [next], outgoing: undefined, keys };
    return { required: [next], outgoing: changed ? old : undefined, keys };
  }
  const delegation = after.targets.delegations.roles.find(({ name }) => name === role);
  if (delegation !== undefined) return { required: [delegation], outgoing: undefined, keys: after.targets.delegations.keys };
  const found = before.roles.get(role);
  if (found === undefined || found.delegator === "targets") throw new AshoreError("NOT_FOUND", `Nobody delegates to the role "${role}".`);
  return { required: [found.signers], outgoing: undefined, keys: found.keys };
}

/** Whether metadata is signed as every one of the required thresholds says. */
export async function isSignedBy(metadata: Metadata<unknown>, { required, keys }: Signers): Promise<boolean> {
  for (const threshold of required) {
    const signed = await unlessRefused(async () => {
      await verifyThreshold(metadata, threshold, keys, "The metadata");
      return true;
    });
    if (signed !== true) return false;
  }
  return true;
}

/** A document that nobody signed yet, checked for its form. @throws METADATA_MALFORMED */
export function parseSigned<Type extends "root" | "targets">(type: Type, signed: SignedJson) {
  return parseMetadata(type, printMetadata(signed, new Map()), type === "root" ? `Root ${signed.version}` : `Targets metadata, version ${signed.version},`);
}

export function targetsMetadata({ roles }: Repository): Metadata<Targets> {
  const metadata = roles.get("targets")?.metadata;
  if (metadata === undefined) throw new AshoreError("STORE_CORRUPT", "The repository has no targets metadata; bring it back from a backup.");
  return metadata;
}
