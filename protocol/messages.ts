import type { ClassScore } from "./classes.ts";
import type { ErrorCode, WireError } from "./errors.ts";
import type { Backend } from "./manifest.ts";
import type { ModelName, Version } from "./names.ts";
import type { VersionStatus } from "./states.ts";
import type { NamedTensors } from "./tensor.ts";

/**
 * What a page and the worker that hosts its runtime say to each other: the service worker, or the page's own worker. Types
 * alone; each end checks what it gets (`browser/read-request.ts`, `client/read-answer.ts`).
 *
 * A request is posted to the worker itself (`registration.active.postMessage`, never a kept port: only that wakes a service
 * worker), with a fresh MessagePort as its first transferred object. Answers come over that port: `taken` at once, then one
 * `done` or `failed`. The page may send a {@link Cancel} over it meanwhile. A worker that dies answers nothing and closes
 * nothing: while it lives it holds the Web Lock that `taken` names, so who waits for that lock hears of its death and asks again.
 *
 * News (states, progress) goes to all pages of a scope over the BroadcastChannel that `hello` answers with.
 */
export const MESSAGE_PROTOCOL = 1;

export type ModelsWanted = readonly ModelName[] | "all";

/** Whether requests that the device cannot answer yet go to the server (never by default: nothing leaves the device). */
export type Fallback = "none" | "server";

/** What a page asks a runtime to be; kept, so that a worker that was stopped knows it again. Models are a union over the pages of a scope. */
export interface HostOptions {
  /** The sync server's base URL, absolute. Another one than before in the same scope is a WORKER_CONFLICT. */
  readonly server: string;
  readonly models: ModelsWanted;
  /** Which backends may be used, best first; absent: the worker's own choice. */
  readonly backends?: readonly Backend[] | undefined;
  readonly fallback: Fallback;
}

/** A Tensor, one or several images as `Pixels` of protocol/image, or as `Nested` of runtime/predict: numbers, strings, booleans, bigints or bytes, in arrays. */
export type NestedInput = unknown;

export type HostRequest =
  | ({ readonly type: "hello" } & HostOptions)
  | {
      readonly type: "predict";
      readonly model: string;
      readonly version?: number | undefined;
      readonly label?: string | undefined;
      readonly signatureDef?: string | undefined;
      readonly topK?: number | undefined;
      readonly inputs: Readonly<Record<string, NestedInput>>;
    }
  /** All models with their versions' states. */
  | { readonly type: "models" }
  /**
   * Look for news. `join`: wait for the look under way, beginning none if there is none; `due`: only if the last one is older
   * than the poll interval. Answered when it is over, or after LIMITS.eventMs with `more: true`; who wants to see the end sends `join`.
   */
  | { readonly type: "sync"; readonly join?: boolean; readonly due?: boolean }
  /** Answered when every version to be loaded is AVAILABLE or END, or after LIMITS.eventMs with `more: true`. */
  | { readonly type: "settle" }
  /** The page is idle: try other backends and places that may answer faster. Answered when done, or after LIMITS.eventMs with `more: true`. */
  | { readonly type: "improve" }
  /** What is stored, by model and version. */
  | { readonly type: "stored" }
  /** Unload a model, and delete what is stored of it; it comes back only when a page asks for it again. */
  | { readonly type: "remove"; readonly model: ModelName }
  /** Only the prebuilt service worker: keep these same-origin URLs for offline (the first page never passed the worker). */
  | { readonly type: "keep-site"; readonly urls: readonly string[] }
  /** Only a service worker that waits: become the active one. */
  | { readonly type: "skip-waiting" };

/** What is posted: the protocol that the sender speaks, in every message, so that an old tab and a new worker find out at the first one. */
export interface RequestEnvelope {
  readonly ashore: number;
  readonly request: HostRequest;
}

/** Over the request's port, from the page: give up. The reason's code is CANCELLED or DEADLINE_EXCEEDED. */
export interface Cancel {
  readonly type: "cancel";
  readonly error: WireError;
}

export interface HelloValue {
  /** Which build of Ashore answers; for people. */
  readonly build: string;
  /** The BroadcastChannel of this host's {@link HostNews}. */
  readonly news: string;
  /** `service-worker`: the prebuilt one or one with `serve()`; `page`: a worker of the page. */
  readonly host: "service-worker" | "page";
  /** True in the prebuilt service worker, which keeps the site too. */
  readonly keepsSite: boolean;
  /** The seconds between polls, which the page times. */
  readonly pollSeconds: number;
  /** False where nothing can be stored, and a reload starts anew. */
  readonly persisted: boolean;
}

export interface ModelState {
  readonly name: ModelName;
  /** Highest first. */
  readonly versions: readonly VersionStatus[];
  /** The version that a request without one gets. */
  readonly latest?: Version | undefined;
  /** The versions that labels point at. */
  readonly labels?: Readonly<Record<string, Version>> | undefined;
  /** Since when no news is taken in, because the server's metadata expired, in milliseconds since 1970. What is held goes on answering. */
  readonly expiredSince?: number | undefined;
}

export interface PredictValue {
  readonly outputs: NamedTensors;
  /** The best classes of each row, best first; undefined where the model has no names for them. */
  readonly classes?: readonly (readonly ClassScore[])[] | undefined;
  readonly version: Version;
  /** What computed it on this device; the server does not say. */
  readonly backend: Backend | undefined;
  readonly servedBy: "device" | "server";
}

export interface StoredModel {
  readonly name: ModelName;
  readonly versions: readonly { readonly version: Version; readonly bytes: number }[];
  /** What deleting it would free: bytes of blobs that only this model needs. */
  readonly bytes: number;
}

/** The value that each request is answered with. */
export interface HostValues {
  readonly hello: HelloValue;
  readonly predict: PredictValue;
  readonly models: readonly ModelState[];
  readonly sync: { readonly more: boolean; readonly pollSeconds: number };
  readonly settle: { readonly more: boolean };
  readonly improve: { readonly more: boolean };
  readonly stored: readonly StoredModel[];
  readonly remove: null;
  readonly "keep-site": { readonly kept: number };
  readonly "skip-waiting": null;
}

export type HostAnswer<T extends HostRequest["type"] = HostRequest["type"]> =
  /** The request arrived. `life` is the Web Lock that this worker holds while it lives. */
  | { readonly type: "taken"; readonly ashore: number; readonly life: string }
  | { readonly type: "done"; readonly value: HostValues[T] }
  | { readonly type: "failed"; readonly error: WireError };

/** News over the BroadcastChannel: runtime events (runtime/ports.ts) as plain data. */
export type HostNews =
  | { readonly type: "state"; readonly model: ModelName; readonly status: VersionStatus; readonly backend?: Backend }
  | { readonly type: "progress"; readonly model: ModelName; readonly version: Version; readonly phase: "download" | "load" | "self-test" | "warm-up"; readonly bytes: number; readonly totalBytes: number }
  | { readonly type: "sync"; readonly ok: true; readonly changed: boolean }
  | { readonly type: "sync"; readonly ok: false; readonly error: WireError }
  | { readonly type: "problem"; readonly model?: ModelName; readonly version?: Version; readonly error: WireError }
  /** `since`: of `expired`, when the metadata expired, in milliseconds since 1970. */
  | { readonly type: "trust"; readonly what: "pinned" | "reset" | "expired" | "fresh"; readonly detail: string; readonly since?: number };

/**
 * From a service worker to the pages of its scope (`Client.postMessage`), each with a MessagePort: lend a worker that computes
 * one servable. A page that can answers {@link EngineOffer} over the port; one of them gets {@link EngineTaken}, starts
 * `worker.js` and hands the port over to it, and from then on the messages are those of `browser/engine-messages.ts`. The worker
 * ends when the port's other side says `close`. When who asked is dead, it keeps its model for LIMITS.orphanMs, for the next
 * service worker, which asks for it with `isLoaded`.
 */
export interface EngineWanted {
  readonly ashore: number;
  readonly type: "engine-wanted";
  readonly model: ModelName;
  readonly version: Version;
  /** What is to be computed, exactly: the Web Lock that a worker holds once it has that loaded. */
  readonly engine: string;
  /** Only a worker that the page lent for just this before, which gets the port instead of a new one. */
  readonly isLoaded: boolean;
  /** The sync server's base URL, where the wasm files are, and the scope whose cache keeps them. */
  readonly server: string;
  readonly scope: string;
  /** The Web Lock that the service worker holds while it lives. */
  readonly owner: string;
}

export interface EngineOffer {
  readonly type: "offer";
}

/** From the service worker: `take` the port to a worker, or let it go, as another page was faster. */
export interface EngineTaken {
  readonly type: "take" | "leave";
}

/** What `worker.js` posts to whoever started it, as its first: it runs, and can be told what it is to be. */
export interface WorkerUp {
  readonly type: "up";
}

/** What `worker.js` posts to whoever started it when it ends: no port may be handed to it any more. */
export interface WorkerDown {
  readonly type: "down";
}

/** The first message that `worker.js` gets: what it is to be. */
export type WorkerRole =
  /** Compute one servable for whoever holds the other side of the port that comes with it; said again, for another, and no longer for the one before. */
  | { readonly ashore: number; readonly role: "engine"; readonly server: string; readonly scope: string; readonly owner: string }
  /** Host a whole runtime; RequestEnvelopes follow, posted to the worker itself. `scope` names its store and news. */
  | { readonly ashore: number; readonly role: "host"; readonly scope: string };

/** Codes that say the runtime itself is not usable from this page, whatever is asked. */
export const CONNECTION_CODES: readonly ErrorCode[] = ["INSECURE_ORIGIN", "PROTOCOL_MISMATCH", "WORKER_CONFLICT", "WORKER_FAILED"];
