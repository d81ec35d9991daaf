import { metadataFileName } from "../../protocol/tuf/index.ts";
import type { FileStorage } from "../storage/index.ts";

/**
 * Reads the newest root that is published. Every root is kept for ever under its number, so each call only looks for the one
 * after the newest that it knows.
 */
export function createNewestRoot(storage: FileStorage): () => Promise<Uint8Array<ArrayBuffer> | undefined> {
  let newest: { readonly version: number; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
  return async () => {
    for (;;) {
      const version: number = (newest?.version ?? 0) + 1;
      const bytes = await storage.read(`metadata/${metadataFileName("root", version)}`);
      if (bytes === undefined) return newest?.bytes;
      if (version > (newest?.version ?? 0)) newest = { version, bytes };
    }
  };
}
