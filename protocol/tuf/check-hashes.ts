import { toHex } from "../digest.ts";
import { AshoreError } from "../errors.ts";

/** Length and hashes as metadata gives them, hashes by algorithm name. */
export interface Fingerprint {
  readonly length?: number | undefined;
  readonly hashes?: ReadonlyMap<string, string> | undefined;
}

const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ["sha256", "SHA-256"],
  ["sha384", "SHA-384"],
  ["sha512", "SHA-512"],
]);

/**
 * Metadata that has the length and every hash that other metadata gives for it (The Update Framework 5.5.2, 5.6.2).
 * @throws METADATA_MISMATCH, also for a hash that cannot be computed here
 */
export async function checkHashes(bytes: Uint8Array<ArrayBuffer>, expected: Fingerprint, what: string): Promise<void> {
  const wrong = wrongLength(bytes, expected, what) ?? (await wrongHash(bytes, expected, what));
  if (wrong !== undefined) throw new AshoreError("METADATA_MISMATCH", wrong);
}

/**
 * A target that has the length and every hash that it was signed for with (5.7.3).
 * @throws SIZE_MISMATCH, DIGEST_MISMATCH, the latter also for a hash that cannot be computed here
 */
export async function checkTarget(bytes: Uint8Array<ArrayBuffer>, expected: Required<Fingerprint>, what: string): Promise<void> {
  const cut = wrongLength(bytes, expected, what);
  if (cut !== undefined) throw new AshoreError("SIZE_MISMATCH", cut);
  const wrong = await wrongHash(bytes, expected, what);
  if (wrong !== undefined) throw new AshoreError("DIGEST_MISMATCH", wrong);
}

function wrongLength({ byteLength }: Uint8Array, { length }: Fingerprint, what: string): string | undefined {
  return length === undefined || byteLength === length ? undefined : `${what} has ${byteLength} bytes where ${length} were signed for; it was cut short, or is another file.`;
}

async function wrongHash(bytes: Uint8Array<ArrayBuffer>, { hashes = new Map() }: Fingerprint, what: string): Promise<string | undefined> {
  for (const [name, hash] of hashes) {
    const algorithm = ALGORITHMS.get(name);
    if (algorithm === undefined) return `${what} was signed for by a hash "${name.slice(0, 40)}" that is not known here; these are: ${[...ALGORITHMS.keys()].join(", ")}.`;
    const actual = toHex(new Uint8Array(await crypto.subtle.digest(algorithm, bytes)));
    if (actual !== hash) return `${what} has the ${name} ${actual} where ${hash} was signed for; the bytes were changed or damaged, or come from another state of the repository.`;
  }
  return undefined;
}
