import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import type { Digest } from "../../protocol/digest.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { checkTarget, consistentTargetPath, findTarget, listTargets, metadataFileName, type FoundTarget, type LoadRole, type TargetFile, type TrustedSet } from "../../protocol/tuf/index.ts";
import type { Clock, FetchPort, RecordStore, WithSignal } from "../ports.ts";
import { aheadSource, type AheadSource } from "./ahead-source.ts";
import { download } from "./download.ts";
import { createMetadataSource } from "./metadata-source.ts";
import { restoreCurrent, restoreOffline } from "./restore.ts";
import { readSeen } from "./seen.ts";
import { ensureRole, updateCycle } from "./update-cycle.ts";

export interface UpdaterOptions {
  /** The folder of the repository's metadata, with or without a slash at its end. */
  readonly metadataUrl: string;
  /** The folder of its targets. */
  readonly targetsUrl: string;
  readonly fetch: FetchPort;
  readonly clock: Clock;
  /** Where trusted metadata is kept, raw bytes, one record a role; the records of what was seen end in no `.json`. */
  readonly store: RecordStore;
  /** Root metadata that was shipped with the program; without it the repository's first root is pinned (trust on first use). */
  readonly root?: Uint8Array<ArrayBuffer> | undefined;
  /**
   * Fetch the roles that a snapshot names anew beside each other, before it is known which of them are needed. Default false: each
   * when it is needed, which asks a repository for nothing in vain.
   */
  readonly ahead?: boolean | undefined;
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

export interface PollOptions extends WithSignal {
  /** The whole workflow, a look for newer roots included, even where the timestamp did not change. */
  readonly whole?: boolean | undefined;
}

/** A client of any repository of The Update Framework: the whole client workflow around a trusted set, with what was proved kept in a store. */
export interface Updater {
  /**
   * Takes up what is stored, without network; expiry does not matter here (it stops updating, never running). Undefined where
   * nothing is trusted yet; a version is 0 where that metadata is not stored.
   */
  load(options?: WithSignal): Promise<TrustedVersions | undefined>;
  /**
   * Looks for news, and takes it in after every check of the client workflow.
   * @throws METADATA_EXPIRED, METADATA_ROLLBACK, METADATA_UNSIGNED, METADATA_MISMATCH, METADATA_MALFORMED, KEY_UNSUPPORTED,
   * NETWORK_FAILED, HTTP_STATUS, LIMIT_EXCEEDED, SLOW_RETRIEVAL, STORE_FAILED, CANCELLED; what was trusted before stays trusted
   */
  poll(options?: PollOptions): Promise<TrustNews>;
  /**
   * The target of that path, by the delegations in pre-order; undefined where no role that may sign it names it. Delegated
   * metadata that is not held yet is fetched, unless nothing was polled since `load`.
   * @throws FAILED_PRECONDITION where what is stored does not say; what `poll` throws
   */
  find(path: string, options?: WithSignal): Promise<FoundTarget | undefined>;
  /** Every target under a folder (`"serving/"`, `"models/digits/"`), each as `find` gives it, sorted by path. */
  list(folder: string, options?: WithSignal): Promise<readonly FoundTarget[]>;
  /** The bytes of a target, verified. @throws SIZE_MISMATCH, DIGEST_MISMATCH, and what a download throws */
  fetchTarget(path: string, file: TargetFile, options?: WithSignal): Promise<Uint8Array<ArrayBuffer>>;
}

export function createUpdater(options: UpdaterOptions): Updater {
  return new StoringUpdater(options);
}

interface Current {
  readonly set: TrustedSet;
  /** Only what is stored counts, and what is not there cannot be judged: no poll succeeded yet. */
  readonly offline: boolean;
}

class StoringUpdater implements Updater {
  readonly #options: UpdaterOptions;
  readonly #metadataUrl: string;
  readonly #source: AheadSource;
  #current: Current | undefined;
  #polls: Promise<unknown> = Promise.resolve();

  constructor(options: UpdaterOptions) {
    this.#options = options;
    this.#metadataUrl = withoutSlash(options.metadataUrl);
    this.#source = aheadSource(createMetadataSource({ url: this.#metadataUrl, fetch: options.fetch, clock: options.clock }));
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
  poll(options: PollOptions = {}): Promise<TrustNews> {
    const poll = this.#polls.then(() => this.#poll(options)).catch((error: unknown) => {
      throw asAshoreError(error);
    });
    this.#polls = poll.catch(() => undefined);
    return poll;
  }

  async #poll({ signal, whole = false }: PollOptions): Promise<TrustNews> {
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
    const now = Math.max(clock.now(), lastWhole); // 5.1
    const steady = !whole && now - lastWhole < LIMITS.wholeCycleMs ? await this.#steady(now) : undefined;
    if (steady !== undefined && sameBytes(await this.#source.timestamp({ signal }), steady.timestamp?.bytes) && isFreshAt(steady, now)) {
      this.#current = { set: steady, offline: false };
      return news(before, versionsOf(steady), false);
    }
    const { set, trustReset, pinned } = await updateCycle({ source: this.#source, store, now, shipped, onTrustReset, signal, expect: this.#options.ahead === true ? this.#source.expect : undefined });
    this.#current = { set, offline: false };
    return { ...news(before, versionsOf(set), trustReset), ...(pinned !== undefined && { pinned }) };
  }

  /** The result of a whole update, in memory or stored, that only a new timestamp could outdate. */
  async #steady(now: number): Promise<TrustedSet | undefined> {
    if (this.#current !== undefined && !this.#current.offline) return this.#current.set;
    return restoreCurrent({ store: this.#options.store, shipped: this.#options.root, now });
  }

  find(path: string, { signal }: WithSignal = {}): Promise<FoundTarget | undefined> {
    return findTarget(path, this.#loadRole(signal));
  }

  list(folder: string, { signal }: WithSignal = {}): Promise<readonly FoundTarget[]> {
    return listTargets(folder, this.#loadRole(signal));
  }

  #loadRole(signal: AbortSignal | undefined): LoadRole {
    const { store } = this.#options;
    const current = this.#current;
    return async (role, delegator) => {
      if (current === undefined) throw new AshoreError("FAILED_PRECONDITION", `Nothing of ${this.#metadataUrl} is trusted yet; poll first.`);
      const { set, offline } = current;
      const held = set.targets(role, delegator);
      if (held !== undefined) return held.signed;
      if (!offline) await ensureRole(set, role, delegator, { source: this.#source, store, signal });
      else if (!(await loadStored(set, role, delegator, store))) throw new AshoreError("FAILED_PRECONDITION", `The metadata of "${role}" is not stored here; poll first.`);
      // Both ways end with trusted metadata or throw.
      return set.targets(role, delegator)!.signed;
    };
  }

  async fetchTarget(path: string, file: TargetFile, { signal }: WithSignal = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { fetch, clock, targetsUrl } = this.#options;
    const consistent = this.#current?.set.root.signed.consistentSnapshot ?? true;
    const name = consistent ? consistentTargetPath(path, file.hashes.get("sha256") ?? firstHash(file)) : path;
    const url = `${withoutSlash(targetsUrl)}/${name.split("/").map(encodeURIComponent).join("/")}`;
    const { bytes } = await download(fetch, url, { clock, maxBytes: file.length, signal }); // 5.7.3
    await checkTarget(bytes, file, `The target ${path}`); // 5.7.3
    return bytes;
  }
}

async function loadStored(set: TrustedSet, role: string, delegator: string, store: RecordStore): Promise<boolean> {
  const stored = await store.read(metadataFileName(role));
  return stored !== undefined && set.loadTargets(stored, role, delegator);
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

/** Any of a target's hashes names its file with consistent snapshots (5.7.3); metadata without one is malformed. */
function firstHash({ hashes }: TargetFile): string {
  const [hash = ""] = hashes.values();
  return hash;
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
