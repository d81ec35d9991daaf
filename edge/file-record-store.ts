import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RecordStore } from "../runtime/ports.ts";
import { isMissing, openFolder, removeDurably, storeError, writeDurably } from "./durable-write.ts";

/**
 * Records as files, one each. A name may be anything (roles are named by whoever signs): what is not a small letter, a digit,
 * `-` or `_`, or a `.` behind the first character, is written as `%` and its UTF-8 byte, so that no name leaves the folder and no two meet.
 * @throws STORE_FULL, STORE_FAILED
 */
export async function openFileRecordStore(folder: string): Promise<RecordStore> {
  await openFolder(folder);
  const pathOf = (name: string): string => join(folder, fileNameOf(name));
  return {
    read: async (name, { signal } = {}) => {
      try {
        return new Uint8Array(await readFile(pathOf(name), { signal }));
      } catch (thrown) {
        if (isMissing(thrown)) return undefined;
        throw storeError(thrown, `read ${pathOf(name)}`);
      }
    },
    write: (name, bytes, options) => writeDurably(pathOf(name), bytes, options),
    delete: (name) => removeDurably(pathOf(name)),
  };
}

const encoder = new TextEncoder();

function fileNameOf(name: string): string {
  let encoded = "";
  // Byte by byte, upper case too: some file systems do not tell `A` from `a`.
  for (const byte of encoder.encode(name)) {
    const character = String.fromCharCode(byte);
    encoded += /[a-z0-9_-]/.test(character) || (character === "." && encoded !== "") ? character : `%${byte.toString(16).padStart(2, "0")}`;
  }
  return `${encoded}.record`;
}
