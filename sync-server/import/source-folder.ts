import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { AshoreError } from "../../protocol/errors.ts";
import type { WithSignal } from "../ports.ts";

/** Reads the files of one version's folder and remembers what it read, so that the digest is of the bytes that were used. */
export interface SourceFolder {
  readonly path: string;
  /** @throws MODEL_INCOMPLETE where the file is missing, LIMIT_EXCEEDED where it has more than `limit` bytes, MODEL_MALFORMED for a path that leads outside */
  read(path: string, limit: number, elsewhere?: Elsewhere): Promise<Uint8Array<ArrayBuffer>>;
  /** Takes into the digest what was asked for beside the files: the same files read in another way make another model. */
  mark(text: string): void;
  /** SHA-256, hexadecimal, over the sorted paths and SHA-256 of everything that was read, and over what was marked. */
  digest(): string;
}

/** A file that belongs to the version though it does not lie in its folder. */
export interface Elsewhere {
  readonly folder?: string | undefined;
  /** The path that it counts under. Default: its own. */
  readonly as?: string | undefined;
}

export function openSourceFolder(folder: string, { signal }: WithSignal = {}): SourceFolder {
  const hashes = new Map<string, string>();
  const marks: string[] = [];
  return {
    path: folder,
    async read(path, limit, { folder: from = folder, as = path } = {}) {
      if (!staysInside(path)) {
        throw new AshoreError("MODEL_MALFORMED", `${from} names the file ${JSON.stringify(path)}, which leads outside of its folder; a model's files are named by relative paths without "..".`);
      }
      const bytes = await readWhole(join(from, path), path, from, limit, signal);
      hashes.set(as, createHash("sha256").update(bytes).digest("hex"));
      return bytes;
    },
    mark(text) {
      marks.push(text);
    },
    digest() {
      const hash = createHash("sha256");
      for (const [path, sha256] of [...hashes].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${sha256} ${path}\n`);
      for (const text of marks) hash.update(`${text}\n`);
      return hash.digest("hex");
    },
  };
}

/** Relative, `/` between segments, no empty, `.` or `..` segment. */
export function staysInside(path: string): boolean {
  return !path.includes("\\") && !path.includes("\0") && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

async function readWhole(file: string, path: string, folder: string, limit: number, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { size } = await stat(file);
    if (size > limit) throw new AshoreError("LIMIT_EXCEEDED", `${path} in ${folder} has ${size} bytes; at most ${limit} are read.`);
    const bytes = await readFile(file, { signal });
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
      throw new AshoreError("MODEL_INCOMPLETE", `${path} is missing in ${folder}; the folder is still being copied, or the file was left out.`, { cause });
    }
    throw cause;
  }
}
