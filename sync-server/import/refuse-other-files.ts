import { AshoreError } from "../../protocol/errors.ts";

/**
 * What people find in place of a binary file: a pointer that Git LFS left, or the page of an HTTP error.
 * `wanted` is what the file should have been: "not weights".
 * @throws MODEL_MALFORMED
 */
export function refuseOtherFiles(bytes: Uint8Array, path: string, folder: string, wanted: string): void {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 64));
  if (start.startsWith("version https://git-lfs")) {
    throw new AshoreError("MODEL_MALFORMED", `${path} in ${folder} is a Git LFS pointer, ${wanted}; run "git lfs pull" and copy the model again.`);
  }
  if (/^\s*<(!doctype|html)/i.test(start)) {
    throw new AshoreError("MODEL_MALFORMED", `${path} in ${folder} is an HTML page, ${wanted}; a download went wrong.`);
  }
}
