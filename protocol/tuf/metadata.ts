import * as v from "valibot";
import { AshoreError } from "../errors.ts";
import { parseStrictJson } from "../strict-json.ts";
import { canonicalJson } from "./canonical-json.ts";
import { envelopeSchema, SIGNED_SCHEMAS, type SignedByType } from "./metadata-schema.ts";

/** Metadata that is well formed, and nothing more: who signed it is for {@link import("./verify-threshold.ts").verifyThreshold} to say. */
export interface Metadata<Signed> {
  readonly signed: Signed;
  /** Hexadecimal signatures by key id. */
  readonly signatures: ReadonlyMap<string, string>;
  /** The canonical form of `signed` as it was received, fields that are not known here included: what signatures are over. */
  readonly form: Uint8Array<ArrayBuffer>;
  /** As received; what is stored, hashed and served again. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Metadata of raw bytes (The Update Framework 4.2). `what` names the file in errors.
 * @throws METADATA_MALFORMED for anything else: not JSON, a key twice, another `_type`, an `expires` that is no time
 */
export function parseMetadata<Type extends keyof SignedByType>(type: Type, bytes: Uint8Array<ArrayBuffer>, what: string): Metadata<SignedByType[Type]> {
  let json: unknown;
  try {
    json = parseStrictJson(bytes, what);
  } catch (cause) {
    throw new AshoreError("METADATA_MALFORMED", `${what} is not metadata: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  const { signed: received, signatures } = checked(envelopeSchema, json, what);
  return { signed: checked(SIGNED_SCHEMAS[type], received, what), signatures, form: canonicalJson(received), bytes };
}

function checked<Output>(schema: v.GenericSchema<unknown, Output>, value: unknown, what: string): Output {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const faults = result.issues.slice(0, 8).map((issue) => `${v.getDotPath(issue) ?? "(root)"}: ${issue.message}`);
  throw new AshoreError("METADATA_MALFORMED", `${what} is not as metadata must be: ${faults.join("; ")}.`);
}
