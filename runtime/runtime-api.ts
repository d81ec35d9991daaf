import type { ModelsWanted, ModelState, StoredModel } from "../protocol/messages.ts";
import type { ModelName } from "../protocol/names.ts";
import type { RestDialect } from "../protocol/rest/index.ts";
import type { VersionStatus } from "../protocol/states.ts";
import type { TransitionPolicy } from "./activate/index.ts";
import type { Ports, RuntimeEvent, WithSignal } from "./ports.ts";
import type { Batching, PredictAnswer, PredictRequest, RequestMetrics, RestCore } from "./predict/index.ts";
import type { Trust } from "./trust/index.ts";

export interface RuntimeOptions {
  /** The sync server's base URL. */
  readonly server: string;
  readonly ports: Ports;
  /** Which models to hold. Default: all that the server lists. */
  readonly models?: ModelsWanted | undefined;
  /** Root metadata that came with the program; without it the server's first root is pinned. */
  readonly root?: Uint8Array<ArrayBuffer> | undefined;
  /** Seconds between polls, instead of what the serving configs say. */
  readonly pollSeconds?: number | undefined;
  /** Who decides when to look for news: the runtime with timers of its own, or the host, which calls `sync`. Default "own". */
  readonly polling?: "own" | "host" | undefined;
  /**
   * Whether a version makes inferences before it is said to be AVAILABLE, the records that were published with it among them:
   * always; only where it was not proved on this device before, so that a host that is started for a request has that request be
   * the warm-up; or never, but for the self-test. Default "always".
   */
  readonly warmUp?: "always" | "unproved" | "never" | undefined;
  /** How often each of a version's warm-up records is replayed. Default 1. */
  readonly warmUpIterations?: number | undefined;
  /** How long one inference may take over REST, in milliseconds; 0 or less for no bound. Default LIMITS.requestTimeoutMs. */
  readonly timeoutMs?: number | undefined;
  /** Let pages of other origins call the REST API. Default false. */
  readonly cors?: boolean | undefined;
  /** Where the REST API leaves TensorFlow Serving's behind. Default: nowhere. */
  readonly dialect?: RestDialect | undefined;
  readonly metrics?: RequestMetrics | undefined;
  /** Puts requests together (`createBatching`). Default: one inference for each. */
  readonly batching?: Batching | undefined;
  /** Default: the last good version answers until its successor does. */
  readonly policy?: TransitionPolicy | undefined;
  /** Another trust than the server's TUF metadata; for tests. */
  readonly trust?: Trust | undefined;
}

export type ModelStatus = ModelState;

export interface Runtime {
  /**
   * Loads what is stored, without network. Resolves when every version that is here so far is AVAILABLE or END; what goes wrong
   * is told as events. With polling "own" it looks for news once where nothing answers then, and polls until it is closed. Requests
   * need not wait for this: one that comes meanwhile waits for its own version, and for no other.
   * @throws CANCELLED
   */
  start(options?: WithSignal): Promise<void>;
  /**
   * Looks for news now, and takes it in. Resolves when what it brought is stored; loading goes on.
   * @throws what trust, downloads and stores throw; what was held before stays
   */
  sync(options?: WithSignal): Promise<void>;
  /** The look for news under way; rejects as `sync` does. */
  syncing(): Promise<void> | undefined;
  /** When the last look ended well, in milliseconds since 1970; undefined before the first of this process. */
  syncedAt(): number | undefined;
  /** How often to look for news: as set, or else as the serving configs ask. */
  pollSeconds(): number;
  /** TensorFlow Serving's REST API; never rejects. */
  readonly handle: RestCore["handle"];
  /** @throws NOT_FOUND, UNAVAILABLE, VERSION_BLOCKED, INVALID_ARGUMENT, UNIMPLEMENTED, ENGINE_CRASHED, CANCELLED, DEADLINE_EXCEEDED */
  predict(request: PredictRequest, options?: WithSignal): Promise<PredictAnswer>;
  /** Resolves when it is known what is stored: `models` and `status` tell of it from then on. Never rejects. */
  recalled(): Promise<void>;
  models(): readonly ModelStatus[];
  /** The versions of a model, highest first; undefined for one that this runtime does not know. */
  status(model: string): readonly VersionStatus[] | undefined;
  /** Resolves when every version to be loaded is AVAILABLE or END. */
  settled(options?: WithSignal): Promise<void>;
  /**
   * Adds to the models that this runtime holds. What is stored of them is loaded at once (`settled` waits for it), the rest comes
   * with the next look for news. "all" does not bring back a model that was removed; its name does.
   */
  want(models: ModelsWanted): void;
  /** What is stored, by model and version, in bytes. @throws STORE_FAILED, CANCELLED */
  stored(options?: WithSignal): Promise<readonly StoredModel[]>;
  /**
   * Unloads a model (requests under way end, for LIMITS.drainMs at most), forgets it, and deletes its blobs that nothing else
   * needs. It is unknown (NOT_FOUND) until `want` names it, though the server lists it still. This process keeps that in mind; a
   * new one holds what it is told to hold, so a host that keeps a list of models takes this one off. An abort ends the wait, and
   * leaves blobs to the next look for news.
   * @throws STORE_FAILED, CANCELLED
   */
  remove(model: ModelName, options?: WithSignal): Promise<void>;
  /**
   * For a host with time to spare: looks, for each model's latest version, for a better place and for a faster backend, which must
   * compute what was published, and puts them under the version; requests go on meanwhile. What was measured is remembered, so that
   * nothing is tried twice. What fails is told as a problem. One at a time, shared by all who ask.
   * @throws CANCELLED
   */
  improve(options?: WithSignal): Promise<void>;
  /** Hears all events from now on; answers how to stop. */
  watch(listener: (event: RuntimeEvent) => void): () => void;
  /** Stops polling, lets requests under way end (for `drainMs` at most, default LIMITS.drainMs), and frees the engine. */
  close(options?: { readonly drainMs?: number | undefined }): Promise<void>;
}
