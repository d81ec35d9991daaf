import { hexOf, type Digest } from "../../protocol/digest.ts";
import { consistentTargetPath } from "../../protocol/tuf/role-names.ts";
import type { WithSignal } from "../ports.ts";
import { KEEP_MS } from "./keep.ts";

export interface FileStat {
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

export interface ListedFile extends FileStat {
  readonly path: string;
}

export interface ByteRange {
  /** The first byte. */
  readonly start: number;
  /** The last byte, inclusive. */
  readonly end: number;
}

/** What a body that comes from elsewhere must be. */
export interface ExpectedBody {
  /** Of its bytes, hexadecimal. */
  readonly sha256: string;
  readonly maxBytes: number;
}

/**
 * What the server publishes, by path (`blobs/sha256/<hex>`, `targets/...`, `metadata/...`): a folder first, object stores
 * later. Paths are relative, with `/`, and are refused where a segment is empty, `.`, `..`, or starts with a dot.
 * Contract: `test/contract/file-storage.ts`.
 */
export interface FileStorage {
  stat(path: string, options?: WithSignal): Promise<FileStat | undefined>;
  /** The whole file, or undefined where there is none. */
  read(path: string, options?: WithSignal): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** The file, or a range of it, as a stream; undefined where there is none. */
  stream(path: string, options?: WithSignal & { readonly range?: ByteRange | undefined }): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | undefined>;
  /** Durable when it resolves; never seen half written. @throws STORE_FULL, STORE_FAILED */
  write(path: string, bytes: Uint8Array<ArrayBuffer>, options?: WithSignal): Promise<void>;
  /**
   * A body as it comes, never held whole in memory; it takes its name only once it is whole and has the
   * digest. Durable when it resolves.
   * @throws DIGEST_MISMATCH, LIMIT_EXCEEDED, NETWORK_FAILED where the body breaks off, STORE_FULL, STORE_FAILED, CANCELLED
   */
  receive(path: string, body: AsyncIterable<Uint8Array>, expected: ExpectedBody, options?: WithSignal): Promise<void>;
  /** Resolves also where there was nothing. */
  delete(path: string): Promise<void>;
  /** Every file below a folder; none where the folder is missing. */
  list(folder: string, options?: WithSignal): Promise<readonly ListedFile[]>;
  /** Removes what writes below a folder left there that were cut off, and never took a name, before that time (since 1970). */
  sweep(folder: string, before: number): Promise<readonly ListedFile[]>;
}

export function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

/** Where a target lies under consistent snapshots (TUF 1.0 clause 6.2): `models/a/1/manifest.json` -> `targets/models/a/1/<sha256>.manifest.json`. */
export function targetPath(target: string, sha256: string): string {
  return `targets/${consistentTargetPath(target, sha256)}`;
}

export interface KeepOptions extends WithSignal {
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Content-addressed bytes under their final name: nothing is written where a file of the right size is there already (its
 * name was given only after its bytes were durable), unless it is so old that a garbage collection might be about to take it.
 */
export async function writeOnce(storage: FileStorage, path: string, bytes: Uint8Array<ArrayBuffer>, { now, signal }: KeepOptions): Promise<"written" | "present"> {
  const there = await storage.stat(path, { signal });
  if (there?.size === bytes.byteLength && isFresh(there, now)) return "present";
  await storage.write(path, bytes, { signal });
  return "written";
}

/**
 * Content-addressed bytes that are to be named soon, written anew where they are so old that a garbage collection might be
 * about to take them. Undefined where there are none.
 */
export async function keepFresh(storage: FileStorage, path: string, { now, signal }: KeepOptions): Promise<Pick<FileStat, "size"> | undefined> {
  const there = await storage.stat(path, { signal });
  if (there === undefined || isFresh(there, now)) return there;
  const bytes = await storage.read(path, { signal });
  if (bytes === undefined) return undefined;
  await storage.write(path, bytes, { signal });
  return { size: bytes.byteLength };
}

function isFresh({ modified }: FileStat, now: number): boolean {
  return now - modified < KEEP_MS / 2;
}
