import type { Digest } from "../../protocol/digest.ts";

/** Bytes on the wire of the smallest encodings; what a fallback or another attempt costs besides is not counted. */
export interface Progress {
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface ProgressSource {
  begin(totalBytes: number): void;
  /** So much of a blob has come; less than before (another attempt) counts as before. */
  blob(digest: Digest, bytes: number): void;
  /** Tells at once what is known, then every step; answers how to stop. */
  listen(listener: (progress: Progress) => void): () => void;
}

/** Progress of one fetch, for any number of listeners; `bytes` never falls. */
export function createProgress(): ProgressSource {
  const listeners = new Set<(progress: Progress) => void>();
  const done = new Map<Digest, number>();
  let now: Progress | undefined;
  function tell(next: Progress): void {
    now = next;
    for (const listener of listeners) listener(next);
  }
  return {
    begin: (totalBytes) => tell({ bytes: 0, totalBytes }),
    blob: (digest, bytes) => {
      const before = done.get(digest) ?? 0;
      if (now === undefined || bytes <= before) return;
      done.set(digest, bytes);
      tell({ bytes: now.bytes + bytes - before, totalBytes: now.totalBytes });
    },
    listen: (listener) => {
      // Wrapped, so that the same function may listen twice.
      const own = (progress: Progress): void => listener(progress);
      listeners.add(own);
      if (now !== undefined) own(now);
      return () => void listeners.delete(own);
    },
  };
}
