import { digestOfHex, verifyDigest, type Digest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { parseManifest, type EncodedBlob, type Manifest, type Variant } from "../../protocol/manifest.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import { manifestPath, type TargetInfo } from "../../protocol/serving-config.ts";
import type { BlobStore, Ports, WithSignal } from "../ports.ts";
import type { Trust } from "../trust/trust.ts";
import { refuseAborted } from "./abort.ts";
import { fetchBlob } from "./fetch-blob.ts";
import { inParallel } from "./in-parallel.ts";
import { blobsOf, planVersion } from "./plan.ts";
import { createProgress, type Progress, type ProgressSource } from "./progress.ts";
import { retrying } from "./retry.ts";
import { singleFlight } from "./single-flight.ts";
import { slots } from "./slots.ts";

export interface VersionRequest {
  readonly model: ModelName;
  readonly version: Version;
  /** As trusted metadata names it. */
  readonly manifest: TargetInfo;
}

export interface FetchedVersion {
  readonly manifest: Manifest;
  readonly variant: Variant;
  /** False where some of it is only in memory. */
  readonly persisted: boolean;
}

export interface VersionFetcherOptions extends Pick<Ports, "fetch" | "clock" | "random"> {
  /** The server's base URL. */
  readonly server: string;
  /** Where blobs go and bases of deltas come from; must verify what it reads (`verifiedBlobs`). */
  readonly blobs: BlobStore;
  readonly trust: Pick<Trust, "fetchTarget">;
  /** Which variant this device runs. What it throws ends the fetch. */
  readonly chooseVariant: (manifest: Manifest) => Variant;
  /**
   * Writes the commit record, once `digests` (the manifest and every blob) are stored and verified. Called once for a fetch,
   * however many wait for it, as its last act.
   */
  readonly commit: (request: VersionRequest, digests: readonly Digest[]) => Promise<{ readonly persisted: boolean }>;
}

export interface FetchVersionOptions extends WithSignal {
  /** Bytes on the wire, never falling; at once with what is known for who joins a fetch under way. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

export interface VersionFetcher {
  /**
   * Brings a version in whole, or what is missing of it: manifest, then all blobs of its variant and its assets, then the
   * commit. Blobs that are stored are hashed, not fetched; a version that is all here makes no request, so that this also
   * heals and also rebuilds a lost journal. One fetch of a version at a time, shared by all who ask; it stops when the last
   * of them is aborted. What came before a failure or a crash stays, blob by blob, for the next time.
   * @throws what `fetchBlob`, `Trust.fetchTarget`, `parseManifest`, `chooseVariant` and `commit` throw; METADATA_MISMATCH for a
   * manifest of another version; STORE_FULL, STORE_FAILED; CANCELLED
   */
  fetch(request: VersionRequest, options?: FetchVersionOptions): Promise<FetchedVersion>;
  /** The manifests of versions being fetched now: what they name must not be evicted. */
  fetching(): readonly TargetInfo[];
}

export function createVersionFetcher(options: VersionFetcherOptions): VersionFetcher {
  const { blobs, trust, chooseVariant, commit } = options;
  const versions = singleFlight<string, FetchedVersion>();
  const blobFlights = singleFlight<Digest, void>();
  const slot = slots(LIMITS.parallelFetches);
  const underWay = new Set<VersionRequest>();
  /** Progress by flight, as long as somebody waits for it. */
  const watched = new Map<string, { readonly progress: ProgressSource; waiting: number }>();
  const failed = new Set<Digest>();

  async function manifestOf({ model, version, manifest: target }: VersionRequest, signal: AbortSignal): Promise<Manifest> {
    const path = manifestPath(model, version);
    const digest = digestOfHex(target.sha256);
    let bytes = await blobs.get(digest, { signal });
    if (bytes === undefined) {
      bytes = await retrying(() => trust.fetchTarget({ path, ...target }, { signal }), options, { signal });
      await verifyDigest(bytes, { digest, size: target.length }, path);
      await blobs.put(digest, bytes, { signal });
    }
    const manifest = parseManifest(bytes, path);
    if (manifest.model === model && manifest.version === version) return manifest;
    throw new AshoreError("METADATA_MISMATCH", `${path} describes version ${manifest.version} of ${manifest.model}; its publisher signed it under the wrong path.`);
  }

  async function missingOf(all: readonly EncodedBlob[], signal: AbortSignal): Promise<readonly EncodedBlob[]> {
    const whole = await inParallel(all, LIMITS.parallelFetches, async ({ digest }) => (await blobs.get(digest, { signal })) !== undefined);
    return all.filter((_, at) => whole[at] !== true);
  }

  async function heldBases(missing: readonly EncodedBlob[]): Promise<ReadonlySet<Digest>> {
    const bases = new Set(missing.flatMap(({ encodings }) => encodings.flatMap(({ base }) => base ?? [])));
    const held = new Set<Digest>();
    for (const base of bases) if (await blobs.has(base)) held.add(base);
    return held;
  }

  async function bringIn(request: VersionRequest, progress: ProgressSource, signal: AbortSignal): Promise<FetchedVersion> {
    const manifest = await manifestOf(request, signal);
    const variant = chooseVariant(manifest);
    const all = blobsOf(manifest, [variant]);
    const missing = await missingOf(all, signal);
    const held = await heldBases(missing);
    const plan = planVersion(missing, { holds: (base) => held.has(base), failed: (encoding) => failed.has(encoding) });
    progress.begin(plan.totalBytes);
    await inParallel(plan.blobs, LIMITS.parallelFetches, async ({ blob, encodings }) => {
      const planned = encodings[0]?.size ?? 0;
      const store = async (flight: AbortSignal): Promise<void> => {
        const onBytes = (received: number): void => progress.blob(blob.digest, Math.min(received, planned));
        const bytes = await fetchBlob(blob, encodings, options, { signal: flight, onBytes, onFailed: ({ digest }) => remember(failed, digest) });
        await blobs.put(blob.digest, bytes, { signal: flight });
      };
      await blobFlights.run(blob.digest, (flight) => slot(() => store(flight), { signal: flight }), { signal });
      progress.blob(blob.digest, planned);
    });
    refuseAborted({ signal });
    const { persisted } = await commit(request, [digestOfHex(request.manifest.sha256), ...all.map(({ digest }) => digest)]);
    return { manifest, variant, persisted };
  }

  return {
    fetching: () => [...underWay].map(({ manifest }) => manifest),
    fetch: async (request, { signal, onProgress } = {}) => {
      const key = `${request.model}/${request.version}/${request.manifest.sha256}`;
      const watch = watched.get(key) ?? { progress: createProgress(), waiting: 0 };
      watched.set(key, watch);
      watch.waiting++;
      const stop = onProgress === undefined ? undefined : watch.progress.listen(onProgress);
      const start = async (flight: AbortSignal): Promise<FetchedVersion> => {
        underWay.add(request);
        try {
          return await bringIn(request, watch.progress, flight);
        } finally {
          underWay.delete(request);
        }
      };
      try {
        return await versions.run(key, start, { signal });
      } finally {
        stop?.();
        if (--watch.waiting === 0) watched.delete(key);
      }
    },
  };
}

/** Bounded as everything that a server can make grow. */
function remember(failed: Set<Digest>, encoding: Digest): void {
  failed.add(encoding);
  const [oldest] = failed;
  if (failed.size > LIMITS.failedDigests && oldest !== undefined) failed.delete(oldest);
}
