import { digestOfHex, verifyDigest, type Digest } from "../../protocol/digest.ts";
import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { TargetInfo } from "../../protocol/serving-config.ts";
import { consistentTargetPath, findTarget, listTargets, metadataFileName, type FoundTarget, type LoadRole, type TrustedSet } from "../../protocol/tuf/index.ts";
import type { Clock, FetchPort, RecordStore, WithSignal } from "../ports.ts";
import { download } from "./download.ts";
import { createMetadataSource, type MetadataSource } from "./metadata-source.ts";
import { restoreCurrent, restoreOffline } from "./restore.ts";
import { readSeen } from "./seen.ts";
import { ensureRole, updateCycle } from "./update-cycle.ts";

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
  /**
   * Takes up what is stored, without network; expiry does not matter here (it stops updating, never running). Undefined where
   * nothing is trusted yet; a version is 0 where that metadata is not stored.
   */
  load(options?: WithSignal): Promise<TrustedVersions | undefined>;
  /**
   * Looks for news, and takes it in after every check of The Update Framework's client workflow.
   * @throws METADATA_EXPIRED, METADATA_ROLLBACK, METADATA_UNSIGNED, METADATA_MISMATCH, METADATA_MALFORMED, KEY_UNSUPPORTED,
   * NETWORK_FAILED, HTTP_STATUS, LIMIT_EXCEEDED, SLOW_RETRIEVAL, STORE_FAILED, CANCELLED; what was trusted before stays trusted
   */
  poll(options?: WithSignal): Promise<TrustNews>;
  /**
   * The target of that path, by the delegations in pre-order; undefined where no role that may sign it names it. Delegated
   * metadata that is not held yet is fetched, unless nothing was polled since `load`.
   * @throws FAILED_PRECONDITION where what is stored does not say; what `poll` throws
   */
  find(path: string, options?: WithSignal): Promise<TrustedTarget | undefined>;
  /** Every target under a folder (`"serving/"`, `"models/digits/"`), each as `find` gives it, sorted by path. */
  list(folder: string, options?: WithSignal): Promise<readonly TrustedTarget[]>;
  /** A target's bytes from the server, verified. @throws SIZE_MISMATCH, DIGEST_MISMATCH, and what a download throws */
  fetchTarget(target: Pick<TrustedTarget, "path" | "sha256" | "length">, options?: WithSignal): Promise<Uint8Array<ArrayBuffer>>;
}

/** What a device trusts of one server (DESIGN section 4.4). */
export function createTrust(options: TrustOptions): Trust {
  return new DeviceTrust(options);
}

interface Current {
  readonly set: TrustedSet;
  /** Only what is stored counts, and what is not there cannot be judged: no poll succeeded yet. */
  readonly offline: boolean;
}

class DeviceTrust implements Trust {
  readonly #options: TrustOptions;
  readonly #server: string;
  readonly #source: MetadataSource;
  #current: Current | undefined;
  #polls: Promise<unknown> = Promise.resolve();

  constructor(options: TrustOptions) {
    this.#options = options;
    this.#server = options.server.replace(/\/+$/, "");
    this.#source = createMetadataSource({ url: `${this.#server}/metadata`, fetch: options.fetch, clock: options.clock });
  }

  async load({ signal }: WithSignal = {}): Promise<TrustedVersions | undefined> {
    throwIfAborted(signal);
    const { store, root, clock } = this.#options;
    if (this.#current === undefined) {
      const set = await restoreOffline({ store, shipped: root, now: clock.now() });
      if (set !== undefined) this.#current ??= { set, offline: true };
    }
    return this.#current && versionsOf(this.#current.set);
  }

  /** One at a time: two would write each other's records over. */
  poll(options: WithSignal = {}): Promise<TrustNews> {
    const poll = this.#polls.then(() => this.#poll(options)).catch((error: unknown) => {
      throw asAshoreError(error);
    });
    this.#polls = poll.catch(() => undefined);
    return poll;
  }

  async #poll({ signal }: WithSignal): Promise<TrustNews> {
    throwIfAborted(signal);
    const { store, root: shipped, clock } = this.#options;
    const onTrustReset = async (): Promise<void> => {
      await this.#options.onTrustReset?.();
      // What the old chain said is no answer any more, even if the new one cannot be fetched now.
      this.#current = undefined;
    };
    await this.load({ signal });
    const before = this.#current && versionsOf(this.#current.set);
    const lastWhole = (await readSeen(store))?.time ?? 0;
    // A clock that was turned back does not bring expired metadata back to life.
    const now = Math.max(clock.now(), lastWhole);
    const steady = now - lastWhole < LIMITS.wholeCycleMs ? await this.#steady(now) : undefined;
    if (steady !== undefined && sameBytes(await this.#source.timestamp({ signal }), steady.timestamp?.bytes) && isFreshAt(steady, now)) {
      this.#current = { set: steady, offline: false };
      return news(before, versionsOf(steady), false);
    }
    const { set, trustReset, pinned } = await updateCycle({ source: this.#source, store, now, shipped, onTrustReset, signal });
    this.#current = { set, offline: false };
    return { ...news(before, versionsOf(set), trustReset), ...(pinned !== undefined && { pinned }) };
  }

  /** The result of a whole update, in memory or stored, that only a new timestamp could outdate. */
  async #steady(now: number): Promise<TrustedSet | undefined> {
    if (this.#current !== undefined && !this.#current.offline) return this.#current.set;
    return restoreCurrent({ store: this.#options.store, shipped: this.#options.root, now });
  }

  async find(path: string, { signal }: WithSignal = {}): Promise<TrustedTarget | undefined> {
    const found = await findTarget(path, this.#loadRole(signal));
    return found && trustedTarget(path, found);
  }

  async list(folder: string, { signal }: WithSignal = {}): Promise<readonly TrustedTarget[]> {
    return (await listTargets(folder, this.#loadRole(signal))).map((found) => trustedTarget(found.path, found));
  }

  #loadRole(signal: AbortSignal | undefined): LoadRole {
    const { store } = this.#options;
    const current = this.#current;
    return async (role, delegator) => {
      if (current === undefined) throw new AshoreError("FAILED_PRECONDITION", `Nothing of ${this.#server} is trusted yet; poll first.`);
      const { set, offline } = current;
      const held = set.targets(role, delegator);
      if (held !== undefined) return held.signed;
      if (!offline) await ensureRole(set, role, delegator, { source: this.#source, store, signal });
      else if (!(await loadStored(set, role, delegator, store))) throw new AshoreError("FAILED_PRECONDITION", `The metadata of "${role}" is not stored here; poll first.`);
      // Both ways end with trusted metadata or throw.
      return set.targets(role, delegator)!.signed;
    };
  }

  async fetchTarget({ path, sha256, length }: Pick<TrustedTarget, "path" | "sha256" | "length">, { signal }: WithSignal = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { fetch, clock } = this.#options;
    const consistent = this.#current?.set.root.signed.consistentSnapshot ?? true;
    const file = (consistent ? consistentTargetPath(path, sha256) : path).split("/").map(encodeURIComponent).join("/");
    const { bytes } = await download(fetch, `${this.#server}/targets/${file}`, { clock, maxBytes: length, signal }); // 5.7.1
    await verifyDigest(bytes, { digest: digestOfHex(sha256), size: length }, `The target ${path}`); // 5.7.2
    return bytes;
  }
}

async function loadStored(set: TrustedSet, role: string, delegator: string, store: RecordStore): Promise<boolean> {
  const stored = await store.read(metadataFileName(role));
  return stored !== undefined && set.loadTargets(stored, role, delegator);
}

function trustedTarget(path: string, { file, role, roleVersion }: FoundTarget): TrustedTarget {
  const sha256 = file.hashes.get("sha256");
  if (sha256 === undefined) throw new AshoreError("METADATA_MALFORMED", `The role "${role}" signed for ${path} without a SHA-256, which every target of Ashore has.`);
  return { path, sha256, length: file.length, custom: file.custom ?? {}, role, roleVersion };
}

function versionsOf(set: TrustedSet): TrustedVersions {
  return {
    root: set.root.signed.version,
    timestamp: set.timestamp?.signed.version ?? 0,
    snapshot: set.snapshot?.signed.version ?? 0,
    targets: set.targets()?.signed.version ?? 0,
  };
}

function news(before: TrustedVersions | undefined, versions: TrustedVersions, trustReset: boolean): TrustNews {
  const changed = trustReset || before?.root !== versions.root || before.snapshot !== versions.snapshot || before.targets !== versions.targets;
  return { changed, trustReset, versions };
}

function isFreshAt(set: TrustedSet, now: number): boolean {
  try {
    set.renewTime(now);
    return true;
  } catch (error) {
    if (error instanceof AshoreError && error.code === "METADATA_EXPIRED") return false;
    throw error;
  }
}

/** @throws CANCELLED, DEADLINE_EXCEEDED */
function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw asAshoreError(signal.reason, "CANCELLED");
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}
