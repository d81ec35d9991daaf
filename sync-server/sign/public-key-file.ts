import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { keyIdOf, verifySignature, type PublicKey } from "../../protocol/tuf/index.ts";

export interface NamedKey {
  readonly keyid: string;
  readonly public: PublicKey;
}

const ownSchema = v.pipe(
  v.object({ keytype: v.string(), scheme: v.string(), public: v.string() }),
  v.transform(({ keytype, scheme, public: half }): PublicKey => ({ keytype, scheme, public: half })),
);
const tufSchema = v.pipe(
  v.object({ keytype: v.string(), scheme: v.string(), keyval: v.object({ public: v.string() }) }),
  v.transform(({ keytype, scheme, keyval }): PublicKey => ({ keytype, scheme, public: keyval.public })),
);

/** The public half of a key, to be handed to who runs a repository. */
export function printPublicKey({ keyid, public: { keytype, scheme, public: half } }: NamedKey): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify({ keyid, keytype, scheme, public: half }, null, 2)}\n`);
}

/**
 * The public key in a file: as {@link printPublicKey} writes it, as metadata lists it (`keyval`), or beside its private half,
 * which is not looked at. Its id is computed, never taken from the file.
 * @throws SCHEMA_INVALID, KEY_UNSUPPORTED for a key that no device could verify
 */
export async function parsePublicKey(bytes: Uint8Array, path: string): Promise<NamedKey> {
  const parsed = v.safeParse(v.union([ownSchema, tufSchema]), jsonOf(bytes));
  if (!parsed.success) throw new AshoreError("SCHEMA_INVALID", `${path} holds no public key: JSON with keytype, scheme and public, as "ashore keys new" writes it.`);
  const key = parsed.output;
  // No signature at all: what is asked is whether the key can be used.
  await verifySignature(key, "", new Uint8Array());
  return { keyid: await keyIdOf(key), public: key };
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
