import { join } from "node:path";
import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import { canonicalJson, covers } from "../../protocol/tuf/index.ts";
import { commit, hasSigners } from "./commit.ts";
import { composeTargets, type SignedTarget, type SignedTargets } from "./compose.ts";
import { createRepository } from "./create-repository.ts";
import { readKeys, type SigningKey } from "./key-files.ts";
import { LIFETIMES, type Lifetimes } from "./lifetimes.ts";
import { composeCommit, targetsIn } from "./next-commit.ts";
import { dueRoles, type RoleAge } from "./plan.ts";
import type { Clock, WithSignal } from "../ports.ts";
import { readRepository, type Repository, type RepositoryRole } from "./repository.ts";
import { nodeFiles, type SignerFiles } from "./signer-files.ts";
import { withSignerLock, type HeldLock } from "./signer-lock.ts";

export interface SignerOptions extends WithSignal {
  /** The folder that holds `keys/` and `metadata/` (`--data`). */
  readonly dataDir: string;
  readonly clock: Clock;
  /** Default {@link LIFETIMES}. */
  readonly lifetimes?: Partial<Lifetimes>;
  readonly files?: SignerFiles;
}

export interface RoleState {
  /** 0 where the role is delegated to and has signed nothing yet. */
  readonly version: number;
  readonly targets: SignedTargets;
  /** Whether enough of its keys are in this folder. */
  readonly signable: boolean;
}

/** What the metadata on disk says now. */
export interface SignedState {
  readonly versions: { readonly root: number; readonly timestamp: number; readonly snapshot: number };
  /** `targets` and every role delegated to (`publisher`, `serving`), by name. */
  readonly roles: ReadonlyMap<string, RoleState>;
}

/** The targets of each role, to be changed in place. */
export interface Draft {
  /** @throws KEY_MISSING where this folder cannot sign for the role, NOT_FOUND where nobody delegates to it */
  targets(role: string): Map<string, SignedTarget>;
}

export interface Signed {
  readonly changed: boolean;
  readonly state: SignedState;
}

export interface Signer {
  /** Reads the metadata on disk and proves it, each time: another process may have signed. @throws STORE_CORRUPT */
  read(options?: WithSignal): Promise<SignedState>;
  /**
   * Applies `change` to what is signed now, under the folder's lock, and signs the roles that it changed. Resolves when that
   * is durable. A `change` that throws changes nothing.
   * @throws KEY_MISSING, METADATA_MALFORMED for what no signature can be over, NAME_INVALID for a path that the role may
   * not sign, STORE_LOCKED, STORE_CORRUPT, STORE_FAILED, CANCELLED
   */
  update(change: (draft: Draft) => void, options?: WithSignal): Promise<Signed>;
  /** Signs again whatever is past half of its life and has its keys here; call it at start and every hour. */
  renewIfDue(options?: WithSignal): Promise<Signed>;
}

/**
 * The signing of one data folder. Its first metadata is made here, with the keys of {@link import("./key-files.ts").initKeys}.
 * @throws KEY_MISSING, STORE_CORRUPT, STORE_LOCKED, STORE_FAILED, CANCELLED
 */
export async function openSigner(options: SignerOptions): Promise<Signer> {
  const { dataDir, clock, files = nodeFiles } = options;
  const lifetimes = { ...LIFETIMES, ...options.lifetimes };
  const timestampPath = join(dataDir, "metadata", "timestamp.json");

  /** `work` under the lock, with the repository as it is then. */
  async function signing(signal: WithSignal, work: (session: Session) => Promise<void>): Promise<Signed> {
    try {
      return await withSignerLock(dataDir, clock, async (lock) => {
        const before = await readExisting();
        const keys = await readKeys(dataDir, files);
        await work({ before, keys, assertCurrent: current(lock, before.timestamp.bytes, signal) });
        const after = await readExisting();
        return { changed: after.timestamp.signed.version !== before.timestamp.signed.version, state: stateOf(after, keys) };
      }, signal);
    } catch (error) {
      throw asAshoreError(error, "STORE_FAILED");
    }
  }

  async function readExisting(): Promise<Repository> {
    const repository = await readRepository(dataDir, files);
    if (repository === undefined) throw new AshoreError("STORE_CORRUPT", `${timestampPath} is gone. Bring it back from a backup.`);
    return repository;
  }

  /** `before` is the timestamp that the work builds on, undefined before the first. */
  function current(lock: HeldLock, before: Uint8Array | undefined, { signal }: WithSignal): () => Promise<void> {
    return async () => {
      signal?.throwIfAborted();
      lock.assertHeld();
      const now = await files.read(timestampPath);
      if (Buffer.compare(now ?? new Uint8Array(), before ?? new Uint8Array()) !== 0) throw new AshoreError("STORE_LOCKED", `Another process signed in ${dataDir} at the same time. Nothing was published; try again.`);
    };
  }

  async function sign({ before, keys, assertCurrent }: Session, roles: ReadonlySet<string>, targets: ReadonlyMap<string, SignedTargets>): Promise<void> {
    const change = composeCommit(before, roles, targets, lifetimes, clock.now());
    if (change !== undefined) await commit({ dataDir, files, keys, assertCurrent }, change);
  }

  try {
    await files.makeFolder(join(dataDir, "metadata"), 0o755);
    if ((await files.read(timestampPath)) === undefined) {
      await withSignerLock(dataDir, clock, async (lock) => {
        if ((await files.read(timestampPath)) === undefined) await createRepository({ dataDir, files, lifetimes, now: clock.now(), assertCurrent: current(lock, undefined, options) });
      }, options);
    }
    await readExisting();
  } catch (error) {
    throw asAshoreError(error, "STORE_FAILED");
  }

  return {
    async read({ signal } = {}) {
      signal?.throwIfAborted();
      return stateOf(await readExisting(), await readKeys(dataDir, files));
    },
    async update(change, signal = {}) {
      return signing(signal, async (session) => {
        const drafts = new Map<string, Map<string, SignedTarget>>();
        change({ targets: (role) => draftOf(session, drafts, role, dataDir) });
        const changed = new Map([...drafts].filter(([role, draft]) => differs(draft, session.before.roles.get(role))));
        for (const [role, draft] of changed) await assertPaths(role, draft, session.before.roles.get(role));
        await sign(session, new Set(changed.keys()), changed);
      });
    },
    async renewIfDue(signal = {}) {
      return signing(signal, async (session) => {
        await sign(session, dueRoles(agesOf(session.before, session.keys), lifetimes, clock.now()), new Map());
      });
    },
  };
}

interface Session {
  readonly before: Repository;
  readonly keys: readonly SigningKey[];
  readonly assertCurrent: () => Promise<void>;
}

function stateOf({ root, timestamp, snapshot, roles }: Repository, keys: readonly SigningKey[]): SignedState {
  return {
    versions: { root: root.signed.version, timestamp: timestamp.signed.version, snapshot: snapshot.signed.version },
    roles: new Map([...roles].map(([name, role]) => [name, { version: role.metadata?.signed.version ?? 0, targets: targetsIn(role), signable: hasSigners(keys, role.signers) }])),
  };
}

function draftOf({ before, keys }: Session, drafts: Map<string, Map<string, SignedTarget>>, role: string, dataDir: string): Map<string, SignedTarget> {
  const open = drafts.get(role);
  if (open !== undefined) return open;
  const found = before.roles.get(role);
  if (found === undefined) throw new AshoreError("NOT_FOUND", `No role delegates to "${role}" in ${dataDir}; there are ${[...before.roles.keys()].join(", ")}.`);
  if (!hasSigners(keys, found.signers)) throw new AshoreError("KEY_MISSING", `${join(dataDir, "keys")} does not hold the keys that must sign for "${role}". Sign where they are, or bring the key files here.`);
  const draft = targetsIn(found);
  drafts.set(role, draft);
  return draft;
}

function differs(draft: SignedTargets, role: RepositoryRole | undefined): boolean {
  const form = (targets: SignedTargets): Uint8Array => canonicalJson(composeTargets({ version: 1, expires: 0 }, targets));
  return Buffer.compare(form(draft), form(targetsIn(role))) !== 0;
}

/** A target that no client would find under this role must not be signed by it. */
async function assertPaths(role: string, draft: SignedTargets, found: RepositoryRole | undefined): Promise<void> {
  for (const path of draft.keys()) {
    const plain = /^[\x21-\x7e]+$/.test(path) && !/[\\?#%]/.test(path) && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
    if (!plain) throw new AshoreError("NAME_INVALID", `${JSON.stringify(path.slice(0, 200))} cannot be a target's path: it must be relative, of printable ASCII, without "..", "\\", "?", "#" and "%".`);
    if (found?.coverage !== undefined && !(await covers(found.coverage, path))) throw new AshoreError("NAME_INVALID", `The role "${role}" may not sign for ${path}; it may for ${found.coverage.paths?.join(", ") ?? "some hashes"}.`);
  }
}

function agesOf({ root, timestamp, snapshot, roles }: Repository, keys: readonly SigningKey[]): readonly RoleAge[] {
  const top = (role: "root" | "timestamp" | "snapshot", expires: number): RoleAge => ({ role, expires, signable: hasSigners(keys, root.signed.roles[role]) });
  const ages = [top("root", root.signed.expires), top("timestamp", timestamp.signed.expires), top("snapshot", snapshot.signed.expires)];
  for (const [role, { metadata, signers }] of roles) if (metadata !== undefined) ages.push({ role, expires: metadata.signed.expires, signable: hasSigners(keys, signers) });
  return ages;
}
