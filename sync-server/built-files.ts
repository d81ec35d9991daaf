import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { BuiltFiles, ContentCoding } from "./routes/kept-files.ts";

/** What browsers load of this package's build: the same folder seen from a source and from a chunk in dist/, which is flat. */
export const BROWSER_FOLDER = fileURLToPath(new URL("../dist/ashore/", import.meta.url));

export function builtFiles(folder: string): BuiltFiles {
  return { read: (path) => read(join(folder, path)), compress };
}

async function read(file: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && (thrown.code === "ENOENT" || thrown.code === "EISDIR")) return undefined;
    throw thrown;
  }
}

const toGzip = promisify(gzip);
const toBrotli = promisify<Uint8Array, object, Buffer>(brotliCompress);

/** Beside the event loop. Brotli's highest quality takes 1 s for a script and saves a twelfth more than this one, which takes 55 ms. */
async function compress(bytes: Uint8Array<ArrayBuffer>, coding: ContentCoding): Promise<Uint8Array<ArrayBuffer>> {
  const coded = coding === "br" ? await toBrotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength } }) : await toGzip(bytes, { level: 9 });
  return new Uint8Array(coded);
}
