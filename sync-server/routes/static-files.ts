import { digestOf, hexOf } from "../../protocol/digest.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { ByteRange, FileStorage } from "../storage/index.ts";
import type { WithSignal } from "../with-signal.ts";
import { createFileCache } from "./file-cache.ts";
import { IMMUTABLE, representation, SHORT_LIVED, type Representation } from "./representation.ts";
import { staticPath, type StaticPath } from "./static-path.ts";

/** A published file, ready to be answered with. */
export interface StaticFile extends StaticPath {
  readonly representation: Representation;
}

export interface StaticFiles {
  /**
   * The file of a URL's path: at once where it is known, undefined where the path is not one of a published file's, a promise
   * of undefined where there is no such file.
   */
  find(pathname: string): StaticFile | Promise<StaticFile | undefined> | undefined;
  /** As `find`, but always asks the disk: whoever wants to know whether a file is there is not told of one that was collected. */
  look(pathname: string): Promise<StaticFile | undefined> | undefined;
  /** Its bytes: at once where they are in memory, a promise of undefined where they are to be streamed. */
  bytes(file: StaticFile): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Holds bytes that are in memory until they have been sent; call what it returns once. */
  lease(file: StaticFile): () => void;
  stream(file: StaticFile, options?: WithSignal & { readonly range?: ByteRange | undefined }): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | undefined>;
  /** Looks at the changing files again before they are answered with; to be called after signing. */
  refresh(): void;
}

export interface StaticFilesOptions {
  readonly storage: FileStorage;
  /** Milliseconds; only differences are used. */
  readonly now: () => number;
  readonly maxBytes?: number | undefined;
}

interface Known {
  readonly file: StaticFile;
  /** Of a file that may change: its time when it was read, and until when that is trusted. */
  readonly changing: { readonly modified: number; until: number } | undefined;
}

/** How long a changing file is answered with before the disk is asked whether it changed. */
const TRUSTED_MS = 200;
const MAX_KNOWN = 16_384;
/** Files up to this size are sent without a lease, and never streamed. */
export const SMALL = 64 * 1024;

/**
 * What the server publishes, out of memory as far as it goes. Nothing is hashed for an answer: the URL names the digest, or
 * the few kilobytes of metadata were hashed when they were read. A 304 reads nothing at all.
 */
export function createStaticFiles({ storage, now, maxBytes = LIMITS.fileCacheBytes }: StaticFilesOptions): StaticFiles {
  const cache = createFileCache(maxBytes);
  const known = new Map<string, Known>();
  const finding = new Map<string, Promise<StaticFile | undefined>>();
  const reading = new Map<string, Promise<Uint8Array<ArrayBuffer> | undefined>>();
  let generation = 0;

  function find(pathname: string): ReturnType<StaticFiles["find"]> {
    const there = known.get(pathname);
    if (there !== undefined && (there.changing === undefined || now() < there.changing.until)) return there.file;
    return look(pathname);
  }

  function look(pathname: string): ReturnType<StaticFiles["look"]> {
    const path = staticPath(pathname);
    return path && shared(finding, pathname, () => lookAt(pathname, path));
  }

  async function lookAt(pathname: string, path: StaticPath): Promise<StaticFile | undefined> {
    const startedIn = generation;
    const stat = await storage.stat(path.path);
    if (stat === undefined) {
      known.delete(pathname);
      return undefined;
    }
    if (path.sha256 !== undefined) return remember(pathname, fileOf(path, path.sha256, stat.size), undefined);
    const before = known.get(pathname);
    if (before?.changing?.modified === stat.modified && before.file.representation.size === stat.size) {
      if (startedIn === generation) before.changing.until = now() + TRUSTED_MS;
      return before.file;
    }
    const bytes = await storage.read(path.path);
    if (bytes === undefined) return undefined;
    const file = fileOf(path, hexOf(await digestOf(bytes)), bytes.byteLength);
    cache.put(keyOf(file), bytes);
    if (path.immutable) return remember(pathname, file, undefined);
    // What was seen before the last signature is for those who asked before it, and for nobody else.
    return startedIn === generation ? remember(pathname, file, { modified: stat.modified, until: now() + TRUSTED_MS }) : file;
  }

  function remember(pathname: string, file: StaticFile, changing: Known["changing"]): StaticFile {
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(pathname, { file, changing });
    return file;
  }

  function bytesOf(file: StaticFile): ReturnType<StaticFiles["bytes"]> {
    const key = keyOf(file);
    return cache.get(key) ?? shared(reading, key, () => read(file, key));
  }

  async function read({ path, representation: { size } }: StaticFile, key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (size > LIMITS.cachedFileBytes || (size > SMALL && !cache.fits(size))) return undefined;
    const bytes = await storage.read(path);
    // A file that changed since: the answer was begun with the size of the old one.
    if (bytes?.byteLength !== size) return undefined;
    return cache.put(key, bytes) || size <= SMALL ? bytes : undefined;
  }

  return {
    find,
    look,
    bytes: bytesOf,
    lease: (file) => cache.lease(keyOf(file)),
    stream: ({ path }, options) => storage.stream(path, options),
    refresh: () => {
      generation += 1;
      finding.clear();
      for (const { changing } of known.values()) if (changing !== undefined) changing.until = Number.NEGATIVE_INFINITY;
    },
  };
}

function fileOf(path: StaticPath, sha256: string, size: number): StaticFile {
  const { contentType, immutable } = path;
  return { ...path, representation: representation({ sha256, size, contentType, cacheControl: immutable ? IMMUTABLE : SHORT_LIVED }) };
}

/** Bytes are kept by path and digest, so that an answer never mixes one file's headers with another's bytes. */
function keyOf({ path, representation: { etag } }: StaticFile): string {
  return path + etag;
}

/** One work at a time for each key: who asks meanwhile gets the same. */
function shared<T>(underway: Map<string, Promise<T>>, key: string, work: () => Promise<T>): Promise<T> {
  const joined = underway.get(key);
  if (joined !== undefined) return joined;
  const promise = work().finally(() => {
    if (underway.get(key) === promise) underway.delete(key);
  });
  underway.set(key, promise);
  return promise;
}
