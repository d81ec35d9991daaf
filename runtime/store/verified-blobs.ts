import { digestOf } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { BlobStore, Ports } from "../ports.ts";

/**
 * A blob store that believes nothing it stored: every read is hashed. A blob that is not what its name says is reported
 * (DIGEST_MISMATCH), deleted and answered as absent, so that it is fetched again. `has` and `list` still only look at names.
 */
export function verifiedBlobs(store: BlobStore, { report }: { readonly report: Ports["report"] }): BlobStore {
  return {
    ...store,
    get: async (digest, options) => {
      const bytes = await store.get(digest, options);
      if (bytes === undefined) return undefined;
      const actual = await digestOf(bytes);
      if (actual === digest) return bytes;
      report({
        type: "problem",
        error: new AshoreError("DIGEST_MISMATCH", `The stored blob ${digest} has digest ${actual} (${bytes.byteLength} bytes): the disk or another program changed it. It is dropped and fetched again.`),
      });
      await store.delete(digest);
      return undefined;
    },
  };
}
