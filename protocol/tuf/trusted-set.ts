import { AshoreError } from "../errors.ts";
import { checkHashes } from "./check-hashes.ts";
import { MetadataExpiredError } from "./expired-error.ts";
import { higherFloors, NO_FLOORS, type Floors } from "./floors.ts";
import { parseMetadata, type Metadata } from "./metadata.ts";
import type { MetaFile, Root, SignedByType, Snapshot, Targets, Timestamp } from "./metadata-schema.ts";
import { verifyThreshold } from "./verify-threshold.ts";

export interface TrustedSetOptions {
  /** The time that expiry is judged at, one for a whole update (5.1); milliseconds since 1970. */
  readonly now: number;
  /**
   * To take up what was proved and stored before, for running on it: neither expiry nor the links between the stored files
   * matter then (a crash may have stored a newer one of two), only who signed them.
   */
  readonly offline?: boolean;
}

type Stage = "root" | "timestamp" | "snapshot" | "targets";

/**
 * What is trusted of a repository: a state machine that takes raw bytes, in The Update Framework's order (1.0.x, clause
 * numbers beside each check), and either trusts them or refuses with an error and stays as it was. It does no I/O.
 *
 * `update…` takes what the repository sent and throws what is wrong with it. `load…` takes what was stored before and says
 * whether it is current; what is not trusted any more, or damaged, counts as not there, and what is older still says which
 * versions must not be undercut.
 */
export class TrustedSet {
  readonly #offline: boolean;
  #now: number;
  #stage: Stage = "root";
  #floors: Floors = NO_FLOORS;
  #root: Metadata<Root>;
  #timestamp: Metadata<Timestamp> | undefined;
  #snapshot: Metadata<Snapshot> | undefined;
  /** By delegating role, then by role: a role that two roles delegate to must be signed as each of them says. */
  readonly #targets = new Map<string, Map<string, Metadata<Targets>>>();

  private constructor(root: Metadata<Root>, options: TrustedSetOptions) {
    this.#root = root;
    this.#now = options.now;
    this.#offline = options.offline ?? false;
  }

  /** 5.2: starts from trusted root metadata; whether it is expired does not matter yet (5.3.10 looks at the last). */
  static async start(rootBytes: Uint8Array<ArrayBuffer>, options: TrustedSetOptions): Promise<TrustedSet> {
    const root = parseMetadata("root", rootBytes, "The trusted root");
    await verifyThreshold(root, root.signed.roles.root, root.signed.keys, "The trusted root");
    return new TrustedSet(root, options);
  }

  get root(): Metadata<Root> {
    return this.#root;
  }
  get timestamp(): Metadata<Timestamp> | undefined {
    return this.#timestamp;
  }
  get snapshot(): Metadata<Snapshot> | undefined {
    return this.#snapshot;
  }
  /** Metadata of a targets role as `delegator` delegates to it; the delegator of `targets` is `root`. */
  targets(role = "targets", delegator = "root"): Metadata<Targets> | undefined {
    return this.#targets.get(delegator)?.get(role);
  }
  get floors(): Floors {
    return this.#floors;
  }

  /** 5.3.3-5.3.8: the next root, signed both as the one before says and as itself says. */
  async updateRoot(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#expectStage("root");
    const { version } = this.#root.signed;
    const what = `Root ${version + 1}`;
    const next = parseMetadata("root", bytes, what);
    await verifyThreshold(next, this.#root.signed.roles.root, this.#root.signed.keys, `${what}, judged by root ${version},`); // 5.3.4
    await verifyThreshold(next, next.signed.roles.root, next.signed.keys, `${what}, judged by itself,`); // 5.3.4
    if (next.signed.version <= version) throw rollback(what, next.signed.version, version + 1); // 5.3.5
    if (next.signed.version !== version + 1) throw mismatch(`${what} says that it is version ${next.signed.version}; a root must follow the one before without a gap.`); // 5.3.5
    this.#root = next; // 5.3.7
  }

  /**
   * The root chain is at its end; next is the timestamp. `floors` are what was seen before and still counts: none of it does
   * once the root took a key from timestamp or snapshot (5.3.11, recovery from a fast-forward attack). The root's own floors
   * always count: they are as new as it is.
   * @throws METADATA_EXPIRED
   */
  finishRoot(floors: Floors = NO_FLOORS): void {
    this.#expectStage("root");
    this.#fresh(this.#root.signed.expires, `Root ${this.#root.signed.version}`); // 5.3.10
    this.#floors = higherFloors(floors, this.#root.signed.floors);
    this.#stage = "timestamp";
  }

  /** True when the stored timestamp is still signed as the root says. It is not judged by its age before the repository was asked. */
  async loadTimestamp(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    this.#expectStage("timestamp");
    const stored = await unlessRefused(() => this.#signedByRoot("timestamp", bytes, "The stored timestamp"));
    if (stored === undefined) return false;
    this.#timestamp = stored;
    this.#floors = higherFloors(this.#floors, { timestamp: stored.signed.version, snapshot: stored.signed.snapshot.version, roles: new Map() });
    return true;
  }

  /** 5.4: true for a newer timestamp; false for the one that is trusted already, which is no error (5.4.3.1). */
  async updateTimestamp(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    this.#expectStage("timestamp");
    const next = await this.#signedByRoot("timestamp", bytes, "The timestamp"); // 5.4.2
    const { version, snapshot } = next.signed;
    if (version < this.#floors.timestamp) throw rollback("The timestamp", version, this.#floors.timestamp); // 5.4.3.1
    if (version === this.#timestamp?.signed.version) {
      this.keepTimestamp();
      return false;
    }
    if (snapshot.version < this.#floors.snapshot) throw rollback("The snapshot that the timestamp names", snapshot.version, this.#floors.snapshot); // 5.4.3.2
    this.#fresh(next.signed.expires, "The timestamp"); // 5.4.4
    this.#timestamp = next;
    this.#floors = { ...this.#floors, timestamp: version, snapshot: snapshot.version };
    this.#stage = "snapshot";
    return true;
  }

  /** The loaded timestamp is the repository's newest. @throws METADATA_EXPIRED */
  keepTimestamp(): void {
    this.#expectStage("timestamp");
    this.#fresh(this.#final(this.#timestamp).signed.expires, "The timestamp"); // 5.4.4
    this.#stage = "snapshot";
  }

  /** True when the stored snapshot is the one that the timestamp names. */
  async loadSnapshot(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    this.#expectStage("snapshot");
    const stored = await unlessRefused(() => this.#signedByRoot("snapshot", bytes, "The stored snapshot"));
    if (stored === undefined) return false;
    this.#floors = higherFloors(this.#floors, { ...NO_FLOORS, roles: versionsOf(stored) });
    const current = await unlessRefused(async () => {
      if (!this.#offline) await checkHashes(bytes, this.#final(this.#timestamp).signed.snapshot, "The stored snapshot"); // 5.5.2
      this.#takeSnapshot(stored);
      return true;
    });
    return current ?? false;
  }

  /** 5.5 */
  async updateSnapshot(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#expectStage("snapshot");
    await checkHashes(bytes, this.#final(this.#timestamp).signed.snapshot, "The snapshot"); // 5.5.2
    this.#takeSnapshot(await this.#signedByRoot("snapshot", bytes, "The snapshot")); // 5.5.3
  }

  #takeSnapshot(next: Metadata<Snapshot>): void {
    if (!this.#offline) {
      sameVersion(next.signed.version, this.#final(this.#timestamp).signed.snapshot.version, "The snapshot", "the timestamp"); // 5.5.4
      for (const [role, floor] of this.#floors.roles) {
        const version = next.signed.roles.get(role)?.version;
        if (version === undefined) throw new AshoreError("METADATA_ROLLBACK", `The snapshot no longer lists the role "${role}", which an earlier one listed; a role may not vanish.`); // 5.5.5
        if (version < floor) throw rollback(`The metadata of "${role}" that the snapshot names`, version, floor); // 5.5.5
      }
    }
    this.#fresh(next.signed.expires, "The snapshot"); // 5.5.6
    this.#snapshot = next;
    this.#floors = { ...this.#floors, roles: versionsOf(next) };
    this.#stage = "targets";
  }

  /** True when the stored metadata of a targets role is the one that the snapshot names. */
  async loadTargets(bytes: Uint8Array<ArrayBuffer>, role = "targets", delegator = "root"): Promise<boolean> {
    return (await unlessRefused(() => this.updateTargets(bytes, role, delegator).then(() => true))) ?? false;
  }

  /** 5.6: a targets role, which `delegator` (trusted before) delegates to. */
  async updateTargets(bytes: Uint8Array<ArrayBuffer>, role = "targets", delegator = "root"): Promise<void> {
    this.#expectStage("targets");
    const what = `The metadata of "${role}"`;
    const named = this.#offline ? undefined : this.roleFile(role);
    if (named !== undefined) await checkHashes(bytes, named, what); // 5.6.2
    const next = parseMetadata("targets", bytes, what);
    await this.#signedByDelegator(next, role, delegator, what); // 5.6.3
    if (named !== undefined) sameVersion(next.signed.version, named.version, what, "the snapshot"); // 5.6.4
    this.#fresh(next.signed.expires, what); // 5.6.5
    const siblings = this.#targets.get(delegator) ?? new Map<string, Metadata<Targets>>();
    this.#targets.set(delegator, siblings.set(role, next)); // 5.6.6
  }

  /** What the snapshot says of a targets role. @throws METADATA_MISMATCH where it lists none */
  roleFile(role: string): MetaFile {
    const named = this.#final(this.#snapshot).signed.roles.get(role);
    if (named === undefined) throw mismatch(`The snapshot does not list the role "${role}", which another role delegates to.`);
    return named;
  }

  /**
   * Judges everything that is trusted now at another time (the steady state between two whole updates).
   * @throws METADATA_EXPIRED
   */
  renewTime(now: number): void {
    this.#now = now;
    this.#fresh(this.#root.signed.expires, `Root ${this.#root.signed.version}`);
    this.#fresh(this.#final(this.#timestamp).signed.expires, "The timestamp");
    this.#fresh(this.#final(this.#snapshot).signed.expires, "The snapshot");
    for (const siblings of this.#targets.values()) for (const [role, { signed }] of siblings) this.#fresh(signed.expires, `The metadata of "${role}"`);
  }

  async #signedByRoot<Type extends "timestamp" | "snapshot">(type: Type, bytes: Uint8Array<ArrayBuffer>, what: string): Promise<Metadata<SignedByType[Type]>> {
    const metadata = parseMetadata(type, bytes, what);
    await verifyThreshold(metadata, this.#root.signed.roles[type], this.#root.signed.keys, what);
    return metadata;
  }

  async #signedByDelegator(metadata: Metadata<Targets>, role: string, delegator: string, what: string): Promise<void> {
    if (delegator === "root") return verifyThreshold(metadata, this.#root.signed.roles.targets, this.#root.signed.keys, what);
    const delegating = [...this.#targets.values()].map((siblings) => siblings.get(delegator)).find((found) => found !== undefined);
    const delegation = delegating?.signed.delegations.roles.find(({ name }) => name === role);
    if (delegating === undefined || delegation === undefined) throw mismatch(`No trusted metadata of "${delegator}" delegates to "${role}".`);
    return verifyThreshold(metadata, delegation, delegating.signed.delegations.keys, what);
  }

  /** @throws METADATA_EXPIRED when that time is not later than the reference time */
  #fresh(expires: number, what: string): void {
    if (this.#offline || expires > this.#now) return;
    throw new MetadataExpiredError(what, expires, this.#now);
  }

  #final<T>(metadata: T | undefined): T {
    if (metadata === undefined) throw new AshoreError("INTERNAL", "Metadata was used before it was trusted.");
    return metadata;
  }

  #expectStage(stage: Stage): void {
    if (!this.#offline && this.#stage !== stage) throw new AshoreError("INTERNAL", `Metadata was given out of order: the set is at ${this.#stage}, and this belongs to ${stage}.`);
  }
}

/** What a step gives, or undefined where metadata is refused in it: bytes that prove nothing are as if absent. */
export async function unlessRefused<T>(step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof AshoreError && (error.code.startsWith("METADATA_") || error.code === "KEY_UNSUPPORTED")) return undefined;
    throw error;
  }
}

function versionsOf({ signed }: Metadata<Snapshot>): ReadonlyMap<string, number> {
  return new Map([...signed.roles].map(([role, { version }]) => [role, version]));
}

function rollback(what: string, version: number, floor: number): AshoreError {
  return new AshoreError("METADATA_ROLLBACK", `${what} is version ${version}, older than version ${floor}, which must not be undercut: a mirror is behind, or someone plays old metadata back.`);
}

function sameVersion(version: number, named: number, what: string, by: string): void {
  if (version !== named) throw mismatch(`${what} is version ${version} where ${by} names version ${named}: two states of the repository were mixed.`);
}

function mismatch(message: string): AshoreError {
  return new AshoreError("METADATA_MISMATCH", message);
}
