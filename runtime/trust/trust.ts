import type { Digest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { TargetInfo } from "../../protocol/serving-config.ts";
import type { Clock, FetchPort, RecordStore, WithSignal } from "../ports.ts";

export interface TrustOptions {
  /** The server's base URL; metadata lies under `/metadata/`, targets under `/targets/`. */
  readonly server: string;
  readonly fetch: FetchPort;
  readonly clock: Clock;
  /** Where trusted metadata is kept, raw bytes, one record a role. */
  readonly store: RecordStore;
  /** Root metadata that was shipped with the program; without it the first root of the server is pinned (trust on first use). */
  readonly root?: Uint8Array<ArrayBuffer> | undefined;
  /**
   * Awaited before trust moves to another root: what came from the old chain (bindings, floors, highest-served) is to be
   * dropped durably here. May be called again for the same reset after a crash.
   */
  readonly onTrustReset?: (() => Promise<void>) | undefined;
}

export interface TrustedVersions {
  readonly root: number;
  readonly timestamp: number;
  readonly snapshot: number;
  readonly targets: number;
}

export interface TrustNews {
  /** Other roots or targets than before this poll; false when only the timestamp was signed again. */
  readonly changed: boolean;
  /** True when this poll moved to a root outside the stored chain. */
  readonly trustReset: boolean;
  /** The digest of the root that this poll pinned, where it pinned one. */
  readonly pinned?: Digest;
  readonly versions: TrustedVersions;
}

/** A target as its role signed for it. */
export interface TrustedTarget extends TargetInfo {
  readonly path: string;
  /** The role's own words about it, `{}` where there are none. */
  readonly custom: Readonly<Record<string, unknown>>;
  readonly role: string;
  /** The version of the metadata that named it: of two statements of a role the higher is newer. */
  readonly roleVersion: number;
}

export interface Trust {
  /** Takes up what is stored, without network; expiry does not matter here (it stops updating, never running). Undefined where nothing is trusted yet. */
  load(options?: WithSignal): Promise<TrustedVersions | undefined>;
  /**
   * Looks for news, and takes it in after every check of The Update Framework's client workflow.
   * @throws METADATA_EXPIRED, METADATA_ROLLBACK, METADATA_UNSIGNED, METADATA_MISMATCH, METADATA_MALFORMED, KEY_UNSUPPORTED,
   * NETWORK_FAILED, HTTP_STATUS, LIMIT_EXCEEDED, SLOW_RETRIEVAL, STORE_FAILED, CANCELLED; what was trusted before stays trusted
   */
  poll(options?: WithSignal): Promise<TrustNews>;
  /** The target of that path, by the delegations in pre-order; undefined where no role that may sign it names it. Delegated metadata that is not held yet is fetched. */
  find(path: string, options?: WithSignal): Promise<TrustedTarget | undefined>;
  /** Every target under a folder (`"serving/"`, `"models/digits/"`), each as `find` gives it, sorted by path. */
  list(folder: string, options?: WithSignal): Promise<readonly TrustedTarget[]>;
  /** A target's bytes from the server, verified. @throws SIZE_MISMATCH, DIGEST_MISMATCH, and what a download throws */
  fetchTarget(target: Pick<TrustedTarget, "path" | "sha256" | "length">, options?: WithSignal): Promise<Uint8Array<ArrayBuffer>>;
}

export function createTrust(options: TrustOptions): Trust {
  throw new AshoreError("UNIMPLEMENTED", `Trust in ${options.server} is being built.`);
}
