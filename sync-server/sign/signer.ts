import { join } from "node:path";
import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import { canonicalJson } from "../../protocol/tuf/index.ts";
import { agesOf } from "./ages.ts";
import { hasSigners, holdsSigners } from "./commit.ts";
import { composeTargets, type SignedTarget, type SignedTargets } from "./compose.ts";
import { createRepository } from "./create-repository.ts";
import { LIFETIMES, type Lifetimes } from "./lifetimes.ts";
import { composeCommit, targetsIn } from "./next-commit.ts";
import { dueRoles, type RoleAge } from "./plan.ts";
import type { WithSignal } from "../ports.ts";
import type { Repository, RepositoryRole } from "./repository.ts";
import { current, inSession, placeOf, readExisting, type Place, type Session, type SessionOptions } from "./session.ts";
import { withSignerLock } from "./signer-lock.ts";
import type { SigningKey } from "./signing-key.ts";
import { assertPaths } from "./target-paths.ts";

export interface SignerOptions extends SessionOptions, WithSignal {
  /** Default {@link LIFETIMES}. */
  readonly lifetimes?: Partial<Lifetimes> | undefined;
  /** Makes no first metadata; there must be some. Default false. */
  readonly existing?: boolean | undefined;
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
  /** What expires when, and whether enough of its keys are in this folder. */
  readonly ages: readonly RoleAge[];
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
 * The signing of one data folder. Its first metadata is made here, with the keys of {@link import("./init-keys.ts").initKeys}.
 * @throws KEY_MISSING; KEY_LOCKED where the timestamp's key is encrypted and no passphrase was given; STORE_CORRUPT,
 * STORE_LOCKED, STORE_FAILED, CANCELLED
 */
export async function openSigner(options: SignerOptions): Promise<Signer> {
  const place = placeOf(options);
  const { dataDir, clock, keyFolder } = place;
  const lifetimes = { ...LIFETIMES, ...options.lifetimes };
  const { root } = options.existing === true ? await readExisting(place) : await openRepository(place, lifetimes, options);
  const keys = await keyFolder.read();
  const signers = root.signed.roles.timestamp;
  if (holdsSigners(keys, signers) && !hasSigners(keys, signers)) {
    throw new AshoreError("KEY_LOCKED", `The timestamp's key in ${join(dataDir, "keys")} is encrypted, and nothing can be published without it. Set ASHORE_KEY_PASSPHRASE, or name a file by --passphrase-file.`);
  }

  async function sign({ before, publish }: Session, roles: ReadonlySet<string>, targets: ReadonlyMap<string, SignedTargets>): Promise<Repository> {
    const change = composeCommit(before, roles, targets, { lifetimes, now: clock.now() });
    return change === undefined ? before : publish([() => change]);
  }

  return {
    async read({ signal } = {}) {
      signal?.throwIfAborted();
      return stateOf(await readExisting(place), await keyFolder.read());
    },
    async update(change, signal = {}) {
      return inSession(place, signal, async (session) => {
        const drafts = new Map<string, Map<string, SignedTarget>>();
        change({ targets: (role) => draftOf(session, drafts, role, dataDir) });
        const changed = new Map([...drafts].filter(([role, draft]) => differs(draft, session.before.roles.get(role))));
        for (const [role, draft] of changed) await assertPaths(role, draft, session.before.roles.get(role));
        return signedOf(session, await sign(session, new Set(changed.keys()), changed));
      });
    },
    async renewIfDue(signal = {}) {
      return inSession(place, signal, async (session) => signedOf(session, await sign(session, dueRoles(agesOf(session.before, session.keys), lifetimes, clock.now()), new Map())));
    },
  };
}

async function openRepository(place: Place, lifetimes: Lifetimes, options: WithSignal): Promise<Repository> {
  const { dataDir, clock, files, keyFolder } = place;
  const isThere = async (): Promise<boolean> => (await files.read(join(dataDir, "metadata", "timestamp.json"))) !== undefined;
  try {
    await files.makeFolder(join(dataDir, "metadata"), 0o755);
    if (!(await isThere())) {
      await withSignerLock(dataDir, clock, async (lock) => {
        if (!(await isThere())) await createRepository({ dataDir, files, keys: await keyFolder.read(), lifetimes, now: clock.now(), assertCurrent: current(place, lock, options) });
      }, options);
    }
    return await readExisting(place);
  } catch (error) {
    throw asAshoreError(error, "STORE_FAILED");
  }
}

function signedOf({ before, keys }: Session, after: Repository): Signed {
  return { changed: after.timestamp.signed.version !== before.timestamp.signed.version, state: stateOf(after, keys) };
}

function stateOf(repository: Repository, keys: readonly SigningKey[]): SignedState {
  const { root, timestamp, snapshot, roles } = repository;
  return {
    versions: { root: root.signed.version, timestamp: timestamp.signed.version, snapshot: snapshot.signed.version },
    roles: new Map([...roles].map(([name, role]) => [name, { version: role.metadata?.signed.version ?? 0, targets: targetsIn(role), signable: hasSigners(keys, role.signers) }])),
    ages: agesOf(repository, keys),
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
