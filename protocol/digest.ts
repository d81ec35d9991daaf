import { AshoreError } from "./errors.ts";

declare const brand: unique symbol;
/** An interface, because declarations of schemas must be able to name it. */
export interface DigestBrand {
  readonly [brand]: "Digest";
}
/** The name of immutable bytes: `sha256:` and 64 lower-case hexadecimal digits (OCI image specification, descriptors). */
export type Digest = string & DigestBrand;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && DIGEST.test(text);
}

/** @throws SCHEMA_INVALID */
export function digest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new AshoreError("SCHEMA_INVALID", `${JSON.stringify(text.slice(0, 100))} is not a digest: it must be "sha256:" and 64 lower-case hexadecimal digits.`);
}

export function digestOfHex(hex: string): Digest {
  return digest(`sha256:${hex}`);
}

/** The 64 hexadecimal digits alone, for URLs and file names. */
export function hexOf(name: Digest): string {
  return name.slice(7);
}

export function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return hex;
}

/** SHA-256 of bytes, by WebCrypto. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<Digest> {
  return digestOfHex(toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))));
}

/**
 * Bytes that are what they were said to be.
 * @throws SIZE_MISMATCH, DIGEST_MISMATCH, naming `what`
 */
export async function verifyDigest(bytes: Uint8Array<ArrayBuffer>, expected: { readonly digest: Digest; readonly size: number }, what: string): Promise<void> {
  if (bytes.byteLength !== expected.size) {
    throw new AshoreError("SIZE_MISMATCH", `${what} has ${bytes.byteLength} bytes where ${expected.size} were signed for; it was cut short, or is another file.`);
  }
  const actual = await digestOf(bytes);
  if (actual !== expected.digest) {
    throw new AshoreError("DIGEST_MISMATCH", `${what} has digest ${actual} where ${expected.digest} was signed for; the bytes were changed or damaged.`);
  }
}
