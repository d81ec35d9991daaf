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
 * Bytes that have the length and every hash that metadata gives for them (The Update Framework 5.5.2, 5.6.2, 5.7.2).
 * @throws METADATA_MISMATCH, also for a hash that cannot be computed here
 */
export async function checkHashes(bytes: Uint8Array<ArrayBuffer>, expected: Fingerprint, what: string): Promise<void> {
  if (expected.length !== undefined && bytes.byteLength !== expected.length) {
    throw new AshoreError("METADATA_MISMATCH", `${what} has ${bytes.byteLength} bytes where ${expected.length} were signed for; it was cut short, or is another file.`);
  }
  for (const [name, hash] of expected.hashes ?? []) {
    const algorithm = ALGORITHMS.get(name);
    if (algorithm === undefined) throw new AshoreError("METADATA_MISMATCH", `${what} was signed for by a hash "${name.slice(0, 40)}" that is not known here; these are: ${[...ALGORITHMS.keys()].join(", ")}.`);
    const actual = toHex(new Uint8Array(await crypto.subtle.digest(algorithm, bytes)));
    if (actual !== hash) throw new AshoreError("METADATA_MISMATCH", `${what} has the ${name} ${actual} where ${hash} was signed for; the bytes were changed or damaged, or come from another state of the repository.`);
  }
}
