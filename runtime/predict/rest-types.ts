import type { AshoreError, CanonicalCode } from "../../protocol/errors.ts";
import type { WarmUpReport } from "../activate/index.ts";
import type { WithSignal } from "../ports.ts";

/** A request as any host has it: of node:http, of a service worker, of a test. */
export interface RestRequest {
  readonly method: string;
  /** Path and query, still percent-encoded. */
  readonly target: string;
  /** By lower-case name. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>> | undefined;
  /** Called at most once. @throws LIMIT_EXCEEDED beyond LIMITS.requestBodyBytes */
  readonly body: () => Promise<Uint8Array> | Uint8Array;
  /** Called before an inference begins: takes what ends it, to be called if the client goes away. For hosts without a signal for each request. */
  readonly onGone?: ((cancel: (reason: AshoreError) => void) => void) | undefined;
}

export interface RestResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | string;
}

/** TensorFlow Serving's REST API. `handle` answers every request, errors included, and never rejects. */
export interface RestCore {
  handle(request: RestRequest, options?: WithSignal): Promise<RestResponse>;
  close(): void;
}

export interface RequestRecord {
  /** The model that the request named; undefined where there is none of that name. */
  readonly model: string | undefined;
  /** The name as the request has it, of a model or not: callers can make up any number of them. */
  readonly asked?: string | undefined;
  readonly version: number | undefined;
  /** The signature def that computed; undefined where none was reached. */
  readonly signatureDef?: string | undefined;
  /** `predict`, `classify`, `regress`; "" for status and metadata. */
  readonly api: string;
  readonly status: "OK" | CanonicalCode;
  /** How many `tf.Example`s were classified or regressed. */
  readonly examples?: number | undefined;
  /** From the request to its answer. */
  readonly microseconds: number;
}

/** Where counts of requests go; a host without metrics gives none. */
export interface RequestMetrics {
  /** Milliseconds from any start, as finely as the host has them. */
  now(): number;
  request(record: RequestRecord): void;
  /** How long the engine had a request, its wait for the engine included; `api` as in a record. */
  ran(model: string, api: string, microseconds: number): void;
  /** A version's warm-up records were replayed. */
  warmedUp?(report: WarmUpReport): void;
}
