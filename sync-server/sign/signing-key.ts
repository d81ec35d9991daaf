import { basename } from "node:path";
import * as v from "valibot";
import { toHex } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { derOfRaw, keyIdOf, type PublicKey } from "../../protocol/tuf/index.ts";
import { decryptPrivate, encryptedPrivateSchema, encryptPrivate, type EncryptedPrivate } from "./private-key.ts";

const ECDSA = { name: "ECDSA", namedCurve: "P-256" } as const;
const KIND = { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256" } as const;
const NOTE = "A signing key that ashore made by itself, for development. Who reads this file can publish to every device that trusts it.";

const keyFileSchema = v.object({
  role: v.optional(v.string()),
  keytype: v.literal(KIND.keytype),
  scheme: v.literal(KIND.scheme),
  public: v.string(),
  private: v.union([v.string(), encryptedPrivateSchema]),
});

type PrivateKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

export interface SigningKey {
  readonly keyid: string;
  /** What the key was made for, if anything; which roles it signs for is for the metadata to say, by key id. */
  readonly role: string | undefined;
  readonly public: PublicKey;
  /** The name of its file; undefined where it was just made. */
  readonly file: string | undefined;
  /** True where the private half is encrypted and no passphrase was given. */
  readonly locked: boolean;
  /** A signature as metadata carries it, in hexadecimal. @throws KEY_LOCKED */
  sign(data: Uint8Array<ArrayBuffer>): Promise<string>;
}

export interface NewKey {
  readonly key: SigningKey;
  /** The file that holds both halves. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface NewKeyOptions {
  readonly role?: string | undefined;
  /** Said in the file. Default false. */
  readonly development?: boolean | undefined;
  /** Encrypts the private half. */
  readonly passphrase?: string | undefined;
}

/** A new ECDSA P-256 key pair. @throws USAGE for an empty passphrase */
export async function newKey({ role, development = false, passphrase }: NewKeyOptions): Promise<NewKey> {
  const pair = await crypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  const publicKey: PublicKey = { ...KIND, public: pem("PUBLIC KEY", await crypto.subtle.exportKey("spki", pair.publicKey)) };
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", pair.privateKey);
  const keyid = await keyIdOf(publicKey);
  const file = {
    ...(role !== undefined && { role }),
    ...(development && { development, note: NOTE }),
    keyid,
    ...publicKey,
    private: passphrase === undefined ? pem("PRIVATE KEY", pkcs8) : await encryptPrivate(new Uint8Array(pkcs8), passphrase, publicKey.public),
  };
  return {
    key: { keyid, role, public: publicKey, file: undefined, locked: false, sign: signing(() => Promise.resolve(pair.privateKey)) },
    bytes: new TextEncoder().encode(`${JSON.stringify(file, null, 2)}\n`),
  };
}

/** Private keys that were decrypted before, by what they were decrypted from: scrypt is slow on purpose. */
export type Unlocked = Map<string, Promise<PrivateKey>>;

/**
 * The key in a key file. One that is encrypted is decrypted when it first signs.
 * @throws STORE_CORRUPT; what is wrong is told without the file's content
 */
export async function parseKeyFile(bytes: Uint8Array, path: string, passphrase: string | undefined, unlocked: Unlocked): Promise<SigningKey> {
  try {
    const { private: secret, public: spki, role } = v.parse(keyFileSchema, JSON.parse(new TextDecoder().decode(bytes)));
    const publicKey: PublicKey = { ...KIND, public: spki };
    const keyid = await keyIdOf(publicKey);
    if (typeof secret !== "string") return { keyid, role, public: publicKey, file: basename(path), locked: passphrase === undefined, sign: signing(() => unlock(secret, { path, spki, passphrase, unlocked })) };
    const plain = await importPrivate(ofPem(secret));
    return { keyid, role, public: publicKey, file: basename(path), locked: false, sign: signing(() => Promise.resolve(plain)) };
  } catch (cause) {
    throw new AshoreError("STORE_CORRUPT", `${path} is not a key file (PKCS#8 in PEM, ECDSA P-256). Bring it back from a backup.`, { cause: cause instanceof v.ValiError ? new Error(cause.message) : undefined });
  }
}

interface Lock {
  readonly path: string;
  readonly spki: string;
  readonly passphrase: string | undefined;
  readonly unlocked: Unlocked;
}

async function unlock(sealed: EncryptedPrivate, { path, spki, passphrase, unlocked }: Lock): Promise<PrivateKey> {
  if (passphrase === undefined) throw new AshoreError("KEY_LOCKED", `${path} is encrypted: set ASHORE_KEY_PASSPHRASE, or name a file by --passphrase-file.`);
  const name = JSON.stringify([sealed, spki, passphrase]);
  const key = unlocked.get(name) ?? decryptPrivate(sealed, passphrase, spki).then((pkcs8) => {
    if (pkcs8 === undefined) throw new AshoreError("KEY_LOCKED", `${path} does not open with this passphrase: it is another key's, or the file was changed.`);
    return importPrivate(pkcs8);
  });
  unlocked.set(name, key);
  return key;
}

function importPrivate(pkcs8: Uint8Array<ArrayBuffer>): Promise<PrivateKey> {
  return crypto.subtle.importKey("pkcs8", pkcs8, ECDSA, false, ["sign"]);
}

function signing(privateKey: () => Promise<PrivateKey>): SigningKey["sign"] {
  return async (data) => toHex(derOfRaw(new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, await privateKey(), data))));
}

function pem(label: string, der: ArrayBuffer): string {
  const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function ofPem(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text.replace(/-----[A-Z ]+-----/g, "").replace(/\s/g, ""), "base64"));
}
