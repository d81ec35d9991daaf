import { digestOf, hexOf } from "../../protocol/digest.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { WithSignal } from "../with-signal.ts";
import type { ByteRange, FileStorage } from "../storage/index.ts";
import { createFileCache } from "./file-cache.ts";
import { IMMUTABLE, representation, SHORT_LIVED, type Representation } from "./representation.ts";
import type { StaticPath } from "./static-path.ts";

/** A published file, ready to be answered with. */
export interface StaticFile {
  readonly path: string;
  readonly representation: Representation;
  /** Its bytes where they are in memory; else they are to be streamed. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
}

export interface StaticFiles {
  /** At once where the file is in memory; undefined where there is none. */
  find(file: StaticPath, options?: WithSignal): StaticFile | Promise<StaticFile | undefined>;
  /** Holds bytes that are in memory until they have been sent; call what it returns once. */
  lease(path: string): () => void;
  stream(path: string, options?: WithSignal & { readonly range?: ByteRange | undefined }): Promise<ReadableStream<Uint8Array<ArrayBuffer>> | undefined>;
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
  readonly representation: Representation;
  /** Of a file that may change: what it looked like, and when that was seen. */
  readonly seen?: { readonly modified: number; at: number } | undefined;
}

/** How long a changing file may be answered with before the disk is asked whether it changed. */
const TRUSTED_MS = 200;
const MAX_KNOWN = 16_384;

/**
 * What the server publishes, out of memory as far as it goes. Nothing is hashed for an answer: the URL names the digest, or
 * the few kilobytes of metadata were hashed when they were read.
 */
export function createStaticFiles({ storage, now, maxBytes = LIMITS.fileCacheBytes }: StaticFilesOptions): StaticFiles {
  const cache = createFileCache(maxBytes);
  const known = new Map<string, Known>();
  const underway = new Map<string, Promise<StaticFile | undefined>>();
  let generation = 0;

  function find(file: StaticPath, options?: WithSignal): StaticFile | Promise<StaticFile | undefined> {
    const { path } = file;
    const there = known.get(path);
    if (there !== undefined && (there.seen === undefined || now() - there.seen.at < TRUSTED_MS)) {
      const bytes = cache.get(path);
      if (bytes !== undefined || there.representation.size > LIMITS.cachedFileBytes) return { path, representation: there.representation, bytes };
    }
    // Whoever asks meanwhile waits for the same read; it has no signal of its own, because it is not one caller's.
    const joined = underway.get(path);
    if (joined !== undefined) return joined;
    options?.signal?.throwIfAborted();
    const reading = read(file).finally(() => {
      if (underway.get(path) === reading) underway.delete(path);
    });
    underway.set(path, reading);
    return reading;
  }

  async function read(file: StaticPath): Promise<StaticFile | undefined> {
    const { path } = file;
    const startedIn = generation;
    const stat = await storage.stat(path);
    const there = known.get(path);
    if (stat === undefined) {
      forget(path);
      return undefined;
    }
    if (there?.seen !== undefined && there.seen.modified === stat.modified && there.representation.size === stat.size) {
      const bytes = cache.get(path);
      if (bytes !== undefined) {
        if (startedIn === generation) there.seen.at = now();
        return { path, representation: there.representation, bytes };
      }
    }
    if (file.sha256 !== undefined && stat.size > LIMITS.cachedFileBytes) return keep(file, file.sha256, stat.size, undefined, undefined);
    const bytes = await storage.read(path);
    if (bytes === undefined) {
      forget(path);
      return undefined;
    }
    return keep(file, file.sha256 ?? hexOf(await digestOf(bytes)), bytes.byteLength, file.immutable ? undefined : { modified: stat.modified, at: startedIn === generation ? now() : Number.NEGATIVE_INFINITY }, bytes);
  }

  function keep(file: StaticPath, sha256: string, size: number, seen: Known["seen"], bytes: Uint8Array<ArrayBuffer> | undefined): StaticFile {
    const { path, contentType, immutable } = file;
    const made = representation({ sha256, size, contentType, cacheControl: immutable ? IMMUTABLE : SHORT_LIVED });
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(path, { representation: made, seen });
    const kept = bytes !== undefined && cache.put(path, bytes);
    // What does not fit is streamed, so that memory stays bounded; small files are never worth a stream.
    return { path, representation: made, bytes: kept || size <= SMALL ? bytes : undefined };
  }

  function forget(path: string): void {
    known.delete(path);
    cache.delete(path);
  }

  return {
    find,
    lease: (path) => cache.lease(path),
    stream: (path, options) => storage.stream(path, options),
    refresh: () => {
      // A read that began before may have seen the old file: nobody joins it, and its answer is asked about again.
      generation += 1;
      underway.clear();
      for (const { seen } of known.values()) if (seen !== undefined) seen.at = Number.NEGATIVE_INFINITY;
    },
  };
}

/** Files up to this size are sent without a lease or a stream. */
export const SMALL = 64 * 1024;
