import { AshoreError } from "../../../protocol/errors.ts";
import type { SourceFolder } from "../../../sync-server/import/source-folder.ts";

/** A version's folder in memory. */
export function memorySource(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>, path = "model/1"): SourceFolder {
  return {
    path,
    async read(file, limit) {
      const bytes = files.get(file);
      if (bytes === undefined) throw new AshoreError("MODEL_INCOMPLETE", `${file} is missing in ${path}.`);
      if (bytes.byteLength > limit) throw new AshoreError("LIMIT_EXCEEDED", `${file} in ${path} has ${bytes.byteLength} bytes.`);
      return bytes.slice();
    },
    mark: () => undefined,
    digest: () => "0".repeat(64),
  };
}
