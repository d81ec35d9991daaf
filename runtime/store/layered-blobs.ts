import type { Digest } from "../../protocol/digest.ts";
import { asAshoreError } from "../../protocol/errors.ts";
import type { BlobStore, Ports } from "../ports.ts";

export interface LayeredBlobs extends BlobStore {
  /** Whether all of these are in the lasting store. */
  persisted(digests: Iterable<Digest>): Promise<boolean>;
}

export interface LayeredOptions {
  readonly report: Ports["report"];
  /** Frees space in `primary`; awaited once before a blob that did not fit is put again. */
  readonly makeRoom: () => Promise<unknown>;
}

/**
 * `primary` until it is full; then room is made and the blob put again, and what still does not fit goes to `overflow`
 * (memory), which is reported as STORE_FULL. Reads look in both.
 */
export function layeredBlobs(primary: BlobStore, overflow: BlobStore, { report, makeRoom }: LayeredOptions): LayeredBlobs {
  return {
    get: async (digest, options) => (await primary.get(digest, options)) ?? overflow.get(digest, options),
    has: async (digest) => (await primary.has(digest)) || overflow.has(digest),
    put: async (digest, bytes, options) => {
      const full = await refusal(primary.put(digest, bytes, options));
      if (full === undefined) return;
      await makeRoom();
      const still = await refusal(primary.put(digest, bytes, options));
      if (still === undefined) return;
      await overflow.put(digest, bytes, options);
      report({ type: "problem", error: still });
    },
    delete: async (digest) => {
      await primary.delete(digest);
      await overflow.delete(digest);
    },
    list: async () => {
      const listed = new Map((await overflow.list()).map((blob) => [blob.digest, blob]));
      for (const blob of await primary.list()) listed.set(blob.digest, blob);
      return [...listed.values()];
    },
    persisted: async (digests) => {
      for (const digest of digests) if (!(await primary.has(digest))) return false;
      return true;
    },
  };
}

/** STORE_FULL as a value; anything else goes on as thrown. */
async function refusal(put: Promise<void>): Promise<ReturnType<typeof asAshoreError> | undefined> {
  try {
    await put;
    return undefined;
  } catch (thrown) {
    const error = asAshoreError(thrown, "STORE_FAILED");
    if (error.code !== "STORE_FULL") throw error;
    return error;
  }
}
