import { toHex } from "../digest.ts";
import { AshoreError } from "../errors.ts";
import { canonicalJson } from "./canonical-json.ts";
import { rawOfDer } from "./ecdsa-der.ts";

/** A key as metadata lists it (The Update Framework 4.2.2): PEM (SPKI) for `rsa` and `ecdsa`, 64 hexadecimal digits for `ed25519`. */
export interface PublicKey {
  readonly keytype: string;
  readonly scheme: string;
  readonly public: string;
}

interface Algorithm {
  readonly format: "spki" | "raw";
  readonly key: { readonly name: string; readonly namedCurve?: string; readonly hash?: string };
  readonly verify: { readonly name: string; readonly hash?: string; readonly saltLength?: number };
  /** Bytes of r and of s, where the signature is DER. */
  readonly derWidth?: number;
}

const ECDSA_P256: Algorithm = {
  format: "spki",
  key: { name: "ECDSA", namedCurve: "P-256" },
  verify: { name: "ECDSA", hash: "SHA-256" },
  derWidth: 32,
};

/** By `keytype scheme`. */
const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  ["ecdsa ecdsa-sha2-nistp256", ECDSA_P256],
  // The name that securesystemslib gave the key type before 2022; roots of that time are still walked.
  ["ecdsa-sha2-nistp256 ecdsa-sha2-nistp256", ECDSA_P256],
  ["ed25519 ed25519", { format: "raw", key: { name: "Ed25519" }, verify: { name: "Ed25519" } }],
  ["rsa rsassa-pss-sha256", { format: "spki", key: { name: "RSA-PSS", hash: "SHA-256" }, verify: { name: "RSA-PSS", saltLength: 32 } }],
]);

/** SHA-256 over the canonical form of the key, hexadecimal (The Update Framework 4.2.2). */
export async function keyIdOf(key: PublicKey): Promise<string> {
  const form = canonicalJson({ keytype: key.keytype, scheme: key.scheme, keyval: { public: key.public } });
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", form)));
}

/**
 * Whether `signature` (hexadecimal) over `data` is the key's.
 * @throws KEY_UNSUPPORTED where the platform cannot tell: another algorithm, or a key that is not what it says
 */
export async function verifySignature(key: PublicKey, signature: string, data: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const { algorithm, imported } = await importKey(key);
  const given = ofHex(signature);
  const raw = given && algorithm.derWidth !== undefined ? rawOfDer(given, algorithm.derWidth) : given;
  return raw !== undefined && crypto.subtle.verify(algorithm.verify, imported, raw, data);
}

/** One text for one key: two texts (another line length, another case) may be the same key. @throws KEY_UNSUPPORTED */
export async function identityOf(key: PublicKey): Promise<string> {
  const { algorithm, imported } = await importKey(key);
  return toHex(new Uint8Array(await crypto.subtle.exportKey(algorithm.format, imported)));
}

type Imported = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

async function importKey(key: PublicKey): Promise<{ readonly algorithm: Algorithm; readonly imported: Imported }> {
  const name = `${key.keytype} ${key.scheme}`;
  const algorithm = ALGORITHMS.get(name);
  if (algorithm === undefined) {
    throw new AshoreError("KEY_UNSUPPORTED", `Keys of type ${JSON.stringify(name.slice(0, 100))} are not known here; these are: ${[...ALGORITHMS.keys()].join(", ")}.`);
  }
  const bytes = algorithm.format === "spki" ? ofPem(key.public) : ofHex(key.public);
  try {
    if (bytes === undefined) throw new TypeError(`The public part is not ${algorithm.format === "spki" ? "PEM" : "hexadecimal"}.`);
    return { algorithm, imported: await crypto.subtle.importKey(algorithm.format, bytes, algorithm.key, true, ["verify"]) };
  } catch (cause) {
    throw new AshoreError("KEY_UNSUPPORTED", `A key of type "${name}" cannot be used on this platform: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function ofHex(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]+$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

function ofPem(text: string): Uint8Array<ArrayBuffer> | undefined {
  const body = /^\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(text)?.[1];
  if (body === undefined) return undefined;
  try {
    return Uint8Array.from(atob(body.replace(/\s/g, "")), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
