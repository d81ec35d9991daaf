import type { CancelSignal } from "../protocol/cancel-signal.ts";
import type { Digest } from "../protocol/digest.ts";
import type { AshoreError } from "../protocol/errors.ts";
import type { Backend } from "../protocol/manifest.ts";
import type { PreparedImage } from "../protocol/image/preprocess-image.ts";
import type { ModelName, Version } from "../protocol/names.ts";
import type { Preprocess } from "../protocol/preprocess.ts";
import type { TargetInfo } from "../protocol/serving-config.ts";
import type { VersionStatus } from "../protocol/states.ts";
import type { NamedTensors } from "../protocol/tensor.ts";

/** Everything that a runtime needs of its host. The runtime itself does no I/O, reads no clock and draws no random bits. */

export interface WithSignal {
  readonly signal?: AbortSignal | undefined;
}

/** As the platform's `fetch`: rejects only when there is no answer at all. */
export type FetchPort = (url: string, init?: RequestInit) => Promise<Response>;

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, options?: WithSignal): Promise<void>;
}

/**
 * Immutable bytes by digest. A blob that is there is *not* known to be whole: who reads it verifies it (`runtime/store`).
 * Contract: `test/contract/blob-store.ts`.
 */
export interface BlobStore {
  /** The bytes, or undefined where there are none. */
  get(digest: Digest, options?: WithSignal): Promise<Uint8Array<ArrayBuffer> | undefined>;
  has(digest: Digest): Promise<boolean>;
  /** Durable when it resolves; never seen half written. @throws STORE_FULL, STORE_FAILED */
  put(digest: Digest, bytes: Uint8Array<ArrayBuffer>, options?: WithSignal): Promise<void>;
  /** Resolves also where there was nothing. */
  delete(digest: Digest): Promise<void>;
  list(): Promise<readonly { readonly digest: Digest; readonly size: number }[]>;
}

/** What must survive a restart; written whole, in one atomic and durable write. */
export interface Journal {
  readonly schemaVersion: 1;
  /** 128 random bits, hexadecimal, drawn once: the device's bucket comes from it, and it never leaves the device. */
  readonly installSecret: string;
  readonly models: Readonly<Record<string, JournalModel>>;
}

export interface HeldVersion {
  readonly version: Version;
  readonly manifest: TargetInfo;
  /** The backend on which it passed its self-test here, and served. */
  readonly proved?: Backend | undefined;
  readonly inferenceMs?: InferenceTimes | undefined;
}

/**
 * Milliseconds that one inference of a version took here, hot, by backend, those that were tried and were slower among them;
 * null where it was tried and computed wrong numbers, or died.
 */
export type InferenceTimes = { readonly [backend in Backend]?: number | null | undefined };

export interface JournalModel {
  /** The serving config last taken, whose bytes are in the blob store, and the version of the metadata that signed it. */
  readonly config: { readonly target: TargetInfo; readonly metadataVersion: number } | null;
  /** Versions whose manifest and blobs were all stored and verified: the commit record, written last. */
  readonly held: readonly HeldVersion[];
  /** The version that answered last, and the serving metadata that gave it. */
  readonly served: { readonly version: Version; readonly metadataVersion: number } | null;
  /** Manifest digests that failed here; at most LIMITS.failedDigests, oldest first. */
  readonly failed: readonly Digest[];
}

export interface JournalStore {
  /** The journal; undefined where there is none. @throws STORE_CORRUPT where it is damaged, STORE_FAILED */
  read(options?: WithSignal): Promise<Journal | undefined>;
  write(journal: Journal, options?: WithSignal): Promise<void>;
}

/** Small named records (TUF metadata) in raw bytes; each write is atomic and durable. */
export interface RecordStore {
  read(name: string, options?: WithSignal): Promise<Uint8Array<ArrayBuffer> | undefined>;
  write(name: string, bytes: Uint8Array<ArrayBuffer>, options?: WithSignal): Promise<void>;
  delete(name: string): Promise<void>;
}

/** A variant's verified bytes. The engine may take the buffers over (transfer them); they are not used again. */
export interface ModelBytes {
  readonly graph: Uint8Array<ArrayBuffer>;
  readonly index: Uint8Array<ArrayBuffer>;
  readonly shards: readonly Uint8Array<ArrayBuffer>[];
}

export interface RunOptions {
  readonly signal?: CancelSignal | undefined;
}

export interface HostedServable {
  readonly model: ModelName;
  readonly version: Version;
  /** The digest of its manifest, and the place of the variant in it. */
  readonly digest: Digest;
  readonly variant: number;
  readonly inferenceMs?: number | undefined;
}

export interface LoadOptions extends WithSignal {
  readonly backend: Backend;
  /** Whose graph it is, for a host that keeps engines apart; and what is known of it here. */
  readonly servable?: HostedServable | undefined;
}

/** A graph, loaded where it computes (an engine thread on the edge, the same thread in a service worker). */
export interface HostedModel {
  /** The backend that really runs it, asserted. */
  readonly backend: Backend;
  /**
   * Feeds by the graph's tensor names, in the engine's dtypes (float32, int32, bool, string, complex64); answers in the order of
   * `fetches`, keyed by them. Feeds are not changed and stay the caller's.
   * @throws INVALID_ARGUMENT, RESOURCE_EXHAUSTED (no memory for these sizes), MODEL_UNSUPPORTED_OP (the backend lacks a kernel),
   * ENGINE_CRASHED, ENGINE_GONE (it computed well, and its place is gone), UNAVAILABLE (LIMITS.queuedRequests wait already), CANCELLED, DEADLINE_EXCEEDED
   */
  run(feeds: NamedTensors, fetches: readonly string[], options?: RunOptions): Promise<NamedTensors>;
  /** Frees everything; requests under way are waited for by the caller before. */
  close(): Promise<void>;
  /** Resolves with the reason if the engine dies by itself; never rejects. */
  readonly lost: Promise<AshoreError>;
}

export interface EngineHost {
  /** The backends that this host has, best first. */
  readonly backends: readonly Backend[];
  /** @throws BACKEND_UNAVAILABLE, MODEL_MALFORMED, MODEL_UNSUPPORTED_OP, RESOURCE_EXHAUSTED, ENGINE_CRASHED, CANCELLED */
  load(model: ModelBytes, options: LoadOptions): Promise<HostedModel>;
  /**
   * The model, without its bytes, where what computed it outlived the host that had it loaded there: on this backend, of this
   * version and variant exactly. Undefined where there is no such; then it is to be loaded. @throws CANCELLED
   */
  adopt?(options: LoadOptions): Promise<HostedModel | undefined>;
  /**
   * Starts a backend ahead of the first load on it, beside whatever else there is to wait for. `inferenceMs`: what the lightest of
   * those to be loaded is known to take at least. Does not reject: the load does.
   */
  prepare?(backend: Backend, inferenceMs?: number): Promise<void>;
  /** Whether this model would better be loaded once more, since there is a better place for it now (a heavy one, and a page that lends a worker). */
  wouldMove?(loaded: HostedModel, inferenceMs: number): boolean;
  close(): Promise<void>;
}

/**
 * A JPEG or PNG, decoded (the way up that its EXIF says, colour profiles not applied) and made what a graph takes, where that
 * stalls nobody else if the host can.
 * @throws INVALID_ARGUMENT, LIMIT_EXCEEDED, CANCELLED
 */
export type PrepareImage = (bytes: Uint8Array, how: Preprocess, options: RunOptions) => Promise<PreparedImage>;

/** News from the runtime; data, never a request. */
export type RuntimeEvent =
  | { readonly type: "state"; readonly model: ModelName; readonly status: VersionStatus; readonly backend?: Backend }
  | { readonly type: "progress"; readonly model: ModelName; readonly version: Version; readonly phase: "download" | "load" | "self-test" | "warm-up"; readonly bytes: number; readonly totalBytes: number }
  | { readonly type: "sync"; readonly ok: true; readonly changed: boolean }
  | { readonly type: "sync"; readonly ok: false; readonly error: AshoreError }
  | { readonly type: "problem"; readonly model?: ModelName; readonly version?: Version; readonly error: AshoreError }
  /** `since`: of `expired`, when the metadata expired, in milliseconds since 1970. */
  | { readonly type: "trust"; readonly what: "pinned" | "reset" | "expired" | "fresh"; readonly detail: string; readonly since?: number };

export type ReportPort = (event: RuntimeEvent) => void;

export interface Ports {
  readonly fetch: FetchPort;
  readonly clock: Clock;
  /** That many random bytes. */
  readonly random: (count: number) => Uint8Array<ArrayBuffer>;
  readonly blobs: BlobStore;
  readonly journal: JournalStore;
  readonly metadata: RecordStore;
  readonly engine: EngineHost;
  /** Absent: this host takes images as pixels alone. */
  readonly prepareImage?: PrepareImage | undefined;
  readonly report: ReportPort;
}
