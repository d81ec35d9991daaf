import { join } from "node:path";
import * as v from "valibot";
import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import { canonicalJson, derOfRaw, keyIdOf, type PublicKey } from "../../protocol/tuf/index.ts";
import { toHex } from "../../protocol/digest.ts";
import { systemClock } from "../system-clock.ts";
import type { Clock, WithSignal } from "../ports.ts";
import { nodeFiles, replaceFile, type SignerFiles } from "./signer-files.ts";
import { withSignerLock } from "./signer-lock.ts";

/** The roles that a repository in watch mode signs for. */
export const DEVELOPMENT_ROLES = ["root", "targets", "publisher", "serving", "snapshot", "timestamp"] as const;
export type DevelopmentRole = (typeof DEVELOPMENT_ROLES)[number];

const ECDSA = { name: "ECDSA", namedCurve: "P-256" } as const;
const NOTE = "A signing key that ashore made by itself, for development. Who reads this file can publish to every device that trusts it.";

const keyFileSchema = v.object({
  role: v.string(),
  keytype: v.literal("ecdsa"),
  scheme: v.literal("ecdsa-sha2-nistp256"),
  public: v.string(),
  private: v.string(),
});

export interface SigningKey {
  readonly keyid: string;
  readonly role: string;
  readonly public: PublicKey;
  /** A signature as metadata carries it, in hexadecimal. */
  sign(data: Uint8Array<ArrayBuffer>): Promise<string>;
}

export interface InitKeysResult {
  /** True where new keys were made; false where all were there. */
  readonly created: boolean;
  /** The key id of each role's key. */
  readonly keyids: Readonly<Record<string, string>>;
}

export interface InitKeysOptions extends WithSignal {
  readonly clock?: Clock;
  readonly files?: SignerFiles;
}

/**
 * Makes a key for each role that has none in `dataDir/keys/`: ECDSA P-256, files of mode 0600 that say that they are for
 * development. In a folder with metadata nothing is made: devices pinned the root that its keys signed.
 * @throws KEY_MISSING there when a key is gone, STORE_CORRUPT
 */
export async function initKeys(dataDir: string, options: InitKeysOptions = {}): Promise<InitKeysResult> {
  const { clock = systemClock, files = nodeFiles } = options;
  try {
    await files.makeFolder(dataDir, 0o755);
    return await withSignerLock(dataDir, clock, () => makeMissingKeys(dataDir, files), options);
  } catch (error) {
    throw asAshoreError(error, "STORE_FAILED");
  }
}

async function makeMissingKeys(dataDir: string, files: SignerFiles): Promise<InitKeysResult> {
  const folder = join(dataDir, "keys");
  const keys = new Map((await readKeys(dataDir, files)).map(({ role, keyid }) => [role, keyid]));
  const missing = DEVELOPMENT_ROLES.filter((role) => !keys.has(role));
  if (missing.length > 0) {
    const signed = (await files.list(join(dataDir, "metadata"))).some((name) => name.endsWith(".json") && !name.startsWith("."));
    if (signed) throw new AshoreError("KEY_MISSING", `${folder} lacks the keys of ${missing.join(", ")}, and ${dataDir} holds metadata that devices may trust already. Bring the keys back from a backup, or start with an empty folder.`);
    await files.makeFolder(folder, 0o700);
    for (const role of missing) {
      const key = await newKeyFile(role);
      await replaceFile(files, join(folder, `${role}.json`), key.bytes, 0o600);
      keys.set(role, key.keyid);
    }
    await files.syncFolder(folder);
  }
  return { created: missing.length > 0, keyids: Object.fromEntries(keys) };
}

/** Every key in `dataDir/keys/`; which roles it signs for is for the metadata to say, by key id. @throws STORE_CORRUPT */
export async function readKeys(dataDir: string, files: SignerFiles = nodeFiles): Promise<readonly SigningKey[]> {
  const folder = join(dataDir, "keys");
  const names = (await files.list(folder)).filter((name) => name.endsWith(".json") && !name.startsWith("."));
  const keys: SigningKey[] = [];
  for (const name of names.sort()) {
    const bytes = await files.read(join(folder, name));
    if (bytes !== undefined) keys.push(await parseKeyFile(bytes, join(folder, name)));
  }
  return keys;
}

async function parseKeyFile(bytes: Uint8Array<ArrayBuffer>, path: string): Promise<SigningKey> {
  try {
    const file = v.parse(keyFileSchema, JSON.parse(new TextDecoder().decode(bytes)));
    const key = await crypto.subtle.importKey("pkcs8", ofPem(file.private), ECDSA, false, ["sign"]);
    const publicKey = { keytype: file.keytype, scheme: file.scheme, public: file.public };
    return {
      keyid: await keyIdOf(publicKey),
      role: file.role,
      public: publicKey,
      sign: async (data) => toHex(derOfRaw(new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, data)))),
    };
  } catch (cause) {
    // What is wrong is told without the file's content.
    throw new AshoreError("STORE_CORRUPT", `${path} is not a key file (PKCS#8 in PEM, ECDSA P-256). Bring it back from a backup.`, { cause: cause instanceof v.ValiError ? new Error(cause.message) : undefined });
  }
}

async function newKeyFile(role: string): Promise<{ readonly keyid: string; readonly bytes: Uint8Array<ArrayBuffer> }> {
  const pair = await crypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  const publicKey = { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", public: pem("PUBLIC KEY", await crypto.subtle.exportKey("spki", pair.publicKey)) };
  const keyid = await keyIdOf(publicKey);
  const file = {
    role,
    development: true,
    note: NOTE,
    keyid,
    ...publicKey,
    private: pem("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", pair.privateKey)),
  };
  return { keyid, bytes: new TextEncoder().encode(`${JSON.stringify(file, null, 2)}\n`) };
}

/** Metadata with the signatures of the given keys over its canonical form. */
export async function signMetadata(signed: object, keys: readonly SigningKey[]): Promise<Uint8Array<ArrayBuffer>> {
  const form = canonicalJson(signed);
  const signatures: { keyid: string; sig: string }[] = [];
  for (const key of keys) signatures.push({ keyid: key.keyid, sig: await key.sign(form) });
  return new TextEncoder().encode(`${JSON.stringify({ signatures, signed })}\n`);
}

function pem(label: string, der: ArrayBuffer): string {
  const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function ofPem(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text.replace(/-----[A-Z ]+-----/g, "").replace(/\s/g, ""), "base64"));
}
