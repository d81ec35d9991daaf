import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";

/** scrypt's cost for new files: 128 MiB and some tenths of a second for each guess. */
const COST = 2 ** 17;
const BLOCK_SIZE = 8;
const MEBIBYTE = 2 ** 20;

const base64 = v.pipe(v.string(), v.base64());

/** A private key at rest: scrypt (RFC 7914) makes a key of the passphrase, and AES-256-GCM seals the PKCS#8 bytes with it. */
export const encryptedPrivateSchema = v.object({
  kdf: v.literal("scrypt"),
  cost: v.pipe(v.number(), v.safeInteger(), v.minValue(2), v.maxValue(LIMITS.scryptCost)),
  blockSize: v.literal(BLOCK_SIZE),
  parallelization: v.literal(1),
  salt: base64,
  cipher: v.literal("aes-256-gcm"),
  nonce: base64,
  tag: base64,
  data: base64,
});
export type EncryptedPrivate = v.InferOutput<typeof encryptedPrivateSchema>;

/** @param bound what must not be exchanged beside the private half: the public one */
export async function encryptPrivate(pkcs8: Uint8Array, passphrase: string, bound: string): Promise<EncryptedPrivate> {
  if (passphrase === "") throw new AshoreError("USAGE", "An empty passphrase protects nothing; set ASHORE_KEY_PASSPHRASE, or name a file by --passphrase-file.");
  const salt = randomBytes(32);
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", await derive(passphrase, salt, COST), nonce).setAAD(Buffer.from(bound));
  const data = Buffer.concat([cipher.update(pkcs8), cipher.final()]);
  const text = (bytes: Buffer): string => bytes.toString("base64");
  return { kdf: "scrypt", cost: COST, blockSize: BLOCK_SIZE, parallelization: 1, salt: text(salt), cipher: "aes-256-gcm", nonce: text(nonce), tag: text(cipher.getAuthTag()), data: text(data) };
}

/** The PKCS#8 bytes; undefined where the passphrase is another one, or the file was changed: nothing tells the two apart. */
export async function decryptPrivate(sealed: EncryptedPrivate, passphrase: string, bound: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = (text: string): Buffer => Buffer.from(text, "base64");
  const key = await derive(passphrase, bytes(sealed.salt), sealed.cost);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, bytes(sealed.nonce), { authTagLength: 16 }).setAAD(Buffer.from(bound)).setAuthTag(bytes(sealed.tag));
    return new Uint8Array(Buffer.concat([decipher.update(bytes(sealed.data)), decipher.final()]));
  } catch {
    return undefined;
  }
}

function derive(passphrase: string, salt: Buffer, cost: number): Promise<Buffer> {
  const maxmem = 2 * 128 * cost * BLOCK_SIZE + MEBIBYTE;
  // One passphrase has one form, whatever keyboard it was typed on.
  return new Promise((resolve, reject) => scrypt(passphrase.normalize("NFKC"), salt, 32, { N: cost, r: BLOCK_SIZE, p: 1, maxmem }, (error, key) => (error === null ? resolve(key) : reject(error))));
}
