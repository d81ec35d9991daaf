import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { ContentCoding } from "./routes/browser-files.ts";

/** This package's build: the same folder seen from a source and from a chunk in dist/, which is flat. */
const DIST = new URL("../dist/", import.meta.url);

/** A file of the build, by its path in dist/. */
export async function readBuilt(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return new Uint8Array(await readFile(new URL(path, DIST)));
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw thrown;
  }
}

const toGzip = promisify(gzip);
const toBrotli = promisify<Uint8Array, object, Buffer>(brotliCompress);

/** Once for each file and coding, beside the event loop. Brotli's highest quality takes 2 s for a script, this one 0.1 s. */
export async function compress(bytes: Uint8Array<ArrayBuffer>, coding: ContentCoding): Promise<Uint8Array<ArrayBuffer>> {
  const coded = coding === "br" ? await toBrotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength } }) : await toGzip(bytes, { level: 9 });
  return new Uint8Array(coded);
}
