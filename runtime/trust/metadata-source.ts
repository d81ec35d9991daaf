import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { metadataFileName, type MetaFile } from "../../protocol/tuf/index.ts";
import type { Clock, FetchPort, WithSignal } from "../ports.ts";
import { download, HttpStatusError } from "./download.ts";

/** Where metadata comes from: raw bytes, bounded, not proved. */
export interface MetadataSource {
  /** A root of that version; undefined where there is none, which is how a root chain ends (The Update Framework 5.3.3). */
  root(version: number, options?: WithSignal): Promise<Uint8Array<ArrayBuffer> | undefined>;
  timestamp(options?: WithSignal): Promise<Uint8Array<ArrayBuffer>>;
  /** Snapshot or targets metadata as another piece of metadata names it. */
  role(role: string, named: MetaFile, consistentSnapshot: boolean, options?: WithSignal): Promise<Uint8Array<ArrayBuffer>>;
}

export interface MetadataSourceOptions {
  /** The URL of the metadata folder, without a slash at its end. */
  readonly url: string;
  readonly fetch: FetchPort;
  readonly clock: Clock;
}

export function createMetadataSource({ url, fetch, clock }: MetadataSourceOptions): MetadataSource {
  // A cache may hold what a server sent before it was restored from a backup; asking whether that is current costs a 304.
  const get = async (name: string, maxBytes: number, { signal }: WithSignal = {}): Promise<Uint8Array<ArrayBuffer>> => {
    const { bytes } = await download(fetch, `${url}/${name}`, { clock, maxBytes, signal, cache: "no-cache" });
    return bytes;
  };
  return {
    async root(version, options) {
      try {
        return await get(metadataFileName("root", version), LIMITS.rootBytes, options);
      } catch (error) {
        if (error instanceof HttpStatusError && (error.status === 404 || error.status === 403)) return undefined;
        throw error;
      }
    },
    timestamp: (options) => get(metadataFileName("timestamp"), LIMITS.timestampBytes, options),
    async role(role, named, consistentSnapshot, options) {
      const limit = role === "snapshot" ? LIMITS.snapshotBytes : LIMITS.targetsBytes;
      if (named.length !== undefined && named.length > limit) throw new AshoreError("LIMIT_EXCEEDED", `The metadata of "${role}" is said to have ${named.length} bytes; at most ${limit} are taken.`);
      return get(metadataFileName(role, consistentSnapshot ? named.version : undefined), named.length ?? limit, options);
    },
  };
}
