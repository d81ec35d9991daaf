import type { SignerFiles } from "../../../sync-server/sign/index.ts";
import { nodeFiles } from "../../../sync-server/sign/signer-files.ts";

/** A disk whose power goes at the effect after `left` more; `torn` leaves half of what was being written. */
export function failingFiles(left: number, torn: boolean): SignerFiles & { readonly died: () => boolean } {
  let died = false;
  const effect = async (run: () => Promise<void>, half?: () => Promise<void>): Promise<void> => {
    if (died || left-- <= 0) {
      if (!died && torn) await half?.();
      died = true;
      throw new Error("the power is off");
    }
    await run();
  };
  return {
    died: () => died,
    read: nodeFiles.read,
    list: nodeFiles.list,
    makeFolder: (path, mode) => effect(() => nodeFiles.makeFolder(path, mode)),
    write: (path, bytes, mode) => effect(() => nodeFiles.write(path, bytes, mode), () => nodeFiles.write(path, bytes.subarray(0, bytes.length >> 1), mode)),
    rename: (from, to) => effect(() => nodeFiles.rename(from, to)),
    syncFolder: (path) => effect(() => nodeFiles.syncFolder(path)),
  };
}
