import { AshoreError } from "../../protocol/errors.ts";
import type { RoleKeys } from "../../protocol/tuf/index.ts";
import type { WithSignal } from "../ports.ts";
import { agesOf } from "./ages.ts";
import { hasSigners } from "./commit.ts";
import { idsOf } from "./complete-root.ts";
import { composeKeyDocuments, judgesOf, type Documents } from "./documents.ts";
import { planSteps } from "./documents-plan.ts";
import { passphraseOfEnvironment } from "./key-folder.ts";
import type { KeyRequest } from "./keys-plan.ts";
import { LIFETIMES, type Lifetimes } from "./lifetimes.ts";
import { nextRoot, nextSigned, type Dating } from "./next-commit.ts";
import { offlineDue } from "./plan.ts";
import type { NamedKey } from "./public-key-file.ts";
import type { Repository } from "./repository.ts";
import { inSession, placeOf, type NewKeyFile, type Session, type SessionOptions } from "./session.ts";
import { newKey, type SigningKey } from "./signing-key.ts";
import { assertSignatures, composeRequest, signRequest, type SigningRequest } from "./signing-request.ts";

export interface RepositoryOptions extends SessionOptions {
  readonly lifetimes?: Partial<Lifetimes> | undefined;
}

/** A {@link KeyRequest}, or one whose key is to be made here. */
export type KeyChange =
  | Exclude<KeyRequest, { readonly kind: "add" | "rotate" }>
  | { readonly kind: "add"; readonly role: string; readonly key?: NamedKey | undefined }
  | { readonly kind: "rotate"; readonly role: string; readonly keyid?: string | undefined; readonly key?: NamedKey | undefined };

export interface ChangeKeysOptions extends RepositoryOptions {
  readonly change: KeyChange;
  /** Encrypts the key that is made here. Default false. */
  readonly encrypt?: boolean | undefined;
}

/** A key that was made here: its id, and its file in `keys/`. */
export interface MadeKey {
  readonly keyid: string;
  readonly name: string;
}

export interface KeysChanged {
  /** The versions that were published, by role; none where everything was in place. */
  readonly published: ReadonlyMap<string, number>;
  readonly made: MadeKey | undefined;
}

export interface KeysPrepared {
  readonly request: SigningRequest;
  readonly made: MadeKey | undefined;
}

/**
 * Changes who signs, with the keys that are in this folder: one change for devices, with all that must be signed anew for it.
 * Refused before anything is written where devices could not follow.
 * @throws what planKeys throws; KEY_MISSING where keys that must sign are elsewhere, for which {@link prepareKeys} is;
 * KEY_LOCKED, STORE_CORRUPT, STORE_LOCKED, STORE_FAILED, CANCELLED
 */
export async function changeKeys(options: ChangeKeysOptions, signal: WithSignal = {}): Promise<KeysChanged> {
  return inSession(placeOf(options), signal, async (session) => {
    const { documents, newKeys } = await compose(session, options);
    const here = idsOf([...session.keys, ...newKeys.map(({ key }) => key)]);
    const steps = await planSteps(session.before, documents, { signatures: new Map(), here }, datingOf(options));
    return { published: difference(session.before, await session.publish(steps, newKeys)), made: madeOf(newKeys) };
  });
}

/**
 * What a change of keys asks to be signed, for keys that are elsewhere. Those that are here have signed already; a key that is
 * made here is on the disk. Nothing is published before {@link applyRequest}.
 * @throws as changeKeys
 */
export async function prepareKeys(options: ChangeKeysOptions, signal: WithSignal = {}): Promise<KeysPrepared> {
  return inSession(placeOf(options), signal, async (session) => {
    const { documents, newKeys } = await compose(session, options);
    const request = await requestFor(session, documents, options, newKeys.map(({ key }) => key));
    await session.writeKeys(newKeys);
    return { request, made: madeOf(newKeys) };
  });
}

/** The same for metadata past half of its life whose keys are elsewhere; undefined where there is none. */
export async function prepareRenewal(options: RepositoryOptions, signal: WithSignal = {}): Promise<SigningRequest | undefined> {
  return inSession(placeOf(options), signal, async (session) => {
    const dating = datingOf(options);
    const documents = new Map(offlineDue(agesOf(session.before, session.keys), dating.lifetimes, dating.now).flatMap((role) => {
      if (role === "root") return [[role, nextRoot(session.before, dating)] as const];
      const metadata = session.before.roles.get(role)?.metadata;
      return metadata === undefined ? [] : [[role, nextSigned(role, metadata, dating)] as const];
    }));
    return documents.size === 0 ? undefined : requestFor(session, documents, options, []);
  });
}

/**
 * Puts in place what was prepared, once enough keys signed it; those that are here sign too. A second time changes nothing.
 * @throws METADATA_UNSIGNED for a signature over something else; KEY_MISSING where signatures are lacking; ABORTED where
 * somebody else signed since it was prepared; and what changeKeys throws
 */
export async function applyRequest(request: SigningRequest, options: RepositoryOptions, signal: WithSignal = {}): Promise<KeysChanged> {
  return inSession(placeOf(options), signal, async (session) => {
    const { before, keys, publish } = session;
    await assertSignatures(request, before);
    const documents = documentsOf(request);
    assertOnline(before, documents, keys);
    const signatures = new Map(request.documents.map((document) => [document.role, document.signatures]));
    const steps = await planSteps(before, documents, { signatures, here: idsOf(keys) }, datingOf(options));
    return { published: difference(before, await publish(steps)), made: undefined };
  });
}

async function compose({ before, keys }: Session, options: ChangeKeysOptions): Promise<{ readonly documents: Documents; readonly newKeys: readonly NewKeyFile[] }> {
  const { change, encrypt = false, passphrase = passphraseOfEnvironment() } = options;
  const newKeys: NewKeyFile[] = [];
  const make = async (role: string): Promise<NamedKey> => {
    const made = await newKey({ role, passphrase: encrypt ? (passphrase ?? "") : undefined });
    newKeys.push({ ...made, name: `${encodeURIComponent(role)}.${made.key.keyid.slice(0, 8)}.json` });
    return made.key;
  };
  const request = change.kind === "add" || change.kind === "rotate" ? { ...change, key: change.key ?? (await make(change.role)) } : change;
  const documents = await composeKeyDocuments(before, request, datingOf(options));
  assertOnline(before, documents, [...keys, ...newKeys.map(({ key }) => key)]);
  return { documents, newKeys };
}

async function requestFor({ before, keys }: Session, documents: Documents, options: RepositoryOptions, newKeys: readonly SigningKey[]): Promise<SigningRequest> {
  const able = [...keys, ...newKeys].filter(({ locked }) => !locked);
  await planSteps(before, documents, { signatures: new Map(), here: idsOf(able) }, datingOf(options));
  const { request } = await signRequest(composeRequest(before, documents), able);
  return request;
}

/** What is signed again every few days must be signed here. */
function assertOnline(before: Repository, documents: Documents, keys: readonly SigningKey[]): void {
  const { root } = judgesOf(before, documents);
  for (const role of ["snapshot", "timestamp"] as const) {
    if (!hasSigners(keys, root.roles[role]) && !sameKeys(root.roles[role], before.root.signed.roles[role])) {
      throw new AshoreError("FAILED_PRECONDITION", `Nothing could be published here any more: "${role}" is signed again every few days, and would need keys that are not in this folder. Let this folder make the key, or bring its file here first.`);
    }
  }
}

function sameKeys(a: RoleKeys, b: RoleKeys): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function documentsOf({ documents }: SigningRequest): Documents {
  return new Map(documents.map(({ role, signed }) => [role, signed]));
}

function datingOf({ lifetimes, clock }: RepositoryOptions): Dating {
  return { lifetimes: { ...LIFETIMES, ...lifetimes }, now: clock.now() };
}

function madeOf([made]: readonly NewKeyFile[]): MadeKey | undefined {
  return made && { keyid: made.key.keyid, name: made.name };
}

function difference(before: Repository, after: Repository): ReadonlyMap<string, number> {
  const [old, now] = [versionsOf(before), versionsOf(after)];
  return new Map([...now].filter(([role, version]) => old.get(role) !== version));
}

function versionsOf({ root, timestamp, snapshot, roles }: Repository): ReadonlyMap<string, number> {
  const targets = [...roles].map(([role, { metadata }]): [string, number] => [role, metadata?.signed.version ?? 0]);
  return new Map([["root", root.signed.version], ...targets, ["snapshot", snapshot.signed.version], ["timestamp", timestamp.signed.version]]);
}
