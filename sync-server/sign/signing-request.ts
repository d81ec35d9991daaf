import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { parseStrictJson } from "../../protocol/strict-json.ts";
import { assertSignable, canonicalJson, verifySignature, type RoleKeys } from "../../protocol/tuf/index.ts";
import type { SignedJson } from "./commit.ts";
import { judgesOf, parseSigned, signersOf, type Documents, type Signers } from "./documents.ts";
import type { Signatures } from "./documents-plan.ts";
import type { Repository } from "./repository.ts";
import type { SigningKey } from "./signing-key.ts";

/** Metadata that is to be signed where the keys are, and what was signed of it already. */
export interface SigningRequest {
  readonly documents: readonly RequestedDocument[];
}

export interface RequestedDocument {
  readonly role: string;
  readonly signed: SignedJson;
  /** Who is asked; it is the repository that says who must. */
  readonly signers: readonly AskedKeys[];
  readonly signatures: Signatures;
}

export interface AskedKeys extends RoleKeys {
  /** They signed until now: better if they sign once more, but they may be lost. */
  readonly outgoing?: boolean | undefined;
}

const FORMAT = "ashore signing request";

const requestSchema = v.object({
  format: v.literal(FORMAT),
  formatVersion: v.literal(1),
  documents: v.pipe(
    v.array(
      v.object({
        role: v.pipe(v.string(), v.check((role) => role !== "snapshot" && role !== "timestamp", "must not be one that the server signs")),
        signers: v.array(v.object({ keyids: v.array(v.string()), threshold: v.number(), outgoing: v.optional(v.boolean()) })),
        signed: v.looseObject({ version: v.number() }),
        signatures: v.array(v.object({ keyid: v.string(), sig: v.pipe(v.string(), v.hexadecimal()) })),
      }),
    ),
    v.minLength(1),
    v.check((documents) => new Set(documents.map(({ role }) => role)).size === documents.length, "must not ask for a role twice"),
  ),
});

export function composeRequest(before: Repository, documents: Documents): SigningRequest {
  const after = judgesOf(before, documents);
  return { documents: [...documents].map(([role, signed]) => ({ role, signed, signers: asked(signersOf(role, before, after)), signatures: new Map() })) };
}

function asked({ required, outgoing }: Signers): readonly AskedKeys[] {
  const keys = ({ keyids, threshold }: RoleKeys): AskedKeys => ({ keyids, threshold });
  return [...required.map(keys), ...(outgoing === undefined ? [] : [{ ...keys(outgoing), outgoing: true }])];
}

export function printRequest({ documents }: SigningRequest): Uint8Array<ArrayBuffer> {
  const printed = documents.map(({ role, signed, signers, signatures }) => ({ role, signers, signed, signatures: [...signatures].map(([keyid, sig]) => ({ keyid, sig })) }));
  return new TextEncoder().encode(`${JSON.stringify({ format: FORMAT, formatVersion: 1, documents: printed }, null, 2)}\n`);
}

/** @throws SCHEMA_INVALID, METADATA_MALFORMED for a document that is no metadata, or that no signature can be over */
export function parseRequest(bytes: Uint8Array, what: string): SigningRequest {
  const parsed = v.safeParse(requestSchema, parseStrictJson(bytes, what));
  if (!parsed.success) throw new AshoreError("SCHEMA_INVALID", `${what} is not what "--prepare" writes: ${v.getDotPath(parsed.issues[0]) ?? "it"}: ${parsed.issues[0].message}.`);
  return {
    documents: parsed.output.documents.map(({ role, signed, signers, signatures }) => {
      parseSigned(role === "root" ? "root" : "targets", signed);
      assertSignable(signed);
      return { role, signed, signers, signatures: new Map(signatures.map(({ keyid, sig }) => [keyid, sig])) };
    }),
  };
}

/** The request with the signatures of these keys on every document that asks for them, and those documents. @throws KEY_LOCKED */
export async function signRequest(request: SigningRequest, keys: readonly SigningKey[]): Promise<{ readonly request: SigningRequest; readonly signed: readonly RequestedDocument[] }> {
  const documents: RequestedDocument[] = [];
  const signed: RequestedDocument[] = [];
  for (const document of request.documents) {
    const asked = keys.filter(({ keyid }) => document.signers.some(({ keyids }) => keyids.includes(keyid)));
    const form = canonicalJson(document.signed);
    const signatures = new Map(document.signatures);
    for (const key of asked) signatures.set(key.keyid, await key.sign(form));
    documents.push({ ...document, signatures });
    if (asked.length > 0) signed.push({ ...document, signatures });
  }
  return { request: { documents }, signed };
}

/** Copies of one request, signed in different places, as one. @throws USAGE where they are not of one request */
export function mergeRequests([first, ...others]: readonly [SigningRequest, ...SigningRequest[]]): SigningRequest {
  const form = (request: SigningRequest): string => JSON.stringify(request.documents.map(({ role, signed }) => [role, new TextDecoder().decode(canonicalJson(signed))]));
  if (others.some((other) => form(other) !== form(first))) throw new AshoreError("USAGE", "These files are not copies of one request: they ask for signatures over different metadata.");
  return { documents: first.documents.map((document, place) => ({ ...document, signatures: new Map([...others.flatMap(({ documents }) => [...(documents[place]?.signatures ?? [])]), ...document.signatures]) })) };
}

/** How many of which keys are still asked, by the role of the document that lacks them. */
export function stillAsked({ documents }: SigningRequest): ReadonlyMap<string, readonly AskedKeys[]> {
  const lacking = documents.map(({ role, signers, signatures }): [string, AskedKeys[]] => {
    const open = new Map<string, AskedKeys>();
    for (const { keyids, threshold, outgoing } of signers) {
      const keys = keyids.filter((keyid) => !signatures.has(keyid));
      const missing = threshold - (keyids.length - keys.length);
      // The old threshold and the new one may ask the same keys: then the higher counts.
      if (missing > (open.get(keys.join())?.threshold ?? 0)) open.set(keys.join(), { keyids: keys, threshold: missing, outgoing });
    }
    return [role, [...open.values()]];
  });
  return new Map(lacking.filter(([, open]) => open.length > 0));
}

/** @throws METADATA_UNSIGNED for a signature that is not the key's over the document */
export async function assertSignatures({ documents }: SigningRequest, before: Repository): Promise<void> {
  const after = judgesOf(before, new Map(documents.map(({ role, signed }) => [role, signed])));
  for (const { role, signed, signatures } of documents) {
    const { keys } = signersOf(role, before, after);
    const form = canonicalJson(signed);
    for (const [keyid, signature] of signatures) {
      const key = keys.get(keyid);
      if (key !== undefined && !(await verifySignature(key, signature, form))) throw new AshoreError("METADATA_UNSIGNED", `The signature of the key ${keyid} is not over the metadata of "${role}" that this file holds: one of the two was changed. Sign the file again as it was prepared.`);
    }
  }
}
