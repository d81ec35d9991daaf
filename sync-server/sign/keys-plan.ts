import { AshoreError } from "../../protocol/errors.ts";
import { isTopLevelRole, type PublicKey, type TopLevelRole } from "../../protocol/tuf/index.ts";
import type { ModelName } from "../../protocol/names.ts";
import { PUBLISHER_PREFIX } from "./lifetimes.ts";
import type { NamedKey } from "./public-key-file.ts";

/** A change of who signs. Key ids may be cut short where that leaves no doubt. */
export type KeyRequest =
  | { readonly kind: "add"; readonly role: string; readonly key: NamedKey }
  /** Replaces a role's one key, or the key named. */
  | { readonly kind: "rotate"; readonly role: string; readonly keyid?: string | undefined; readonly key: NamedKey }
  | { readonly kind: "revoke"; readonly role: string; readonly keyid: string }
  | { readonly kind: "threshold"; readonly role: string; readonly threshold: number }
  /** Gives a model's manifests to keys of their own: the role `publisher-<model>`, asked before `publisher`. */
  | { readonly kind: "delegate"; readonly model: ModelName; readonly keys: readonly NamedKey[]; readonly threshold: number };

interface RoleJson {
  readonly keyids: readonly string[];
  readonly threshold: number;
}
type KeysJson = Readonly<Record<string, object>>;

/** The part of root metadata that says who signs, as it is signed; fields that are not known here stay. */
export interface RootJson {
  readonly keys: KeysJson;
  readonly roles: Readonly<Record<TopLevelRole, RoleJson>>;
}

/** The `delegations` of targets metadata, likewise. */
export interface DelegationsJson {
  readonly keys: KeysJson;
  readonly roles: readonly (RoleJson & { readonly name: string })[];
}

/** Which of the two says it from now on. */
export type KeyPlan = { readonly role: string } & ({ readonly root: RootJson } | { readonly delegations: DelegationsJson });

/**
 * What a change of keys makes of the root or of the delegations.
 * @throws NOT_FOUND for a role or key that is not there, ALREADY_EXISTS for one that is, USAGE for a request that could mean
 * several things, FAILED_PRECONDITION for what no device could ever accept: a role short of its own threshold
 */
export function planKeys(root: RootJson, delegations: DelegationsJson, request: KeyRequest): KeyPlan {
  if (request.kind === "delegate") return planDelegation(delegations, request);
  const { role } = request;
  if (isTopLevelRole(role)) {
    const next = editRole(role, root.roles[role], root.keys, request);
    const roles = { ...root.roles, [role]: next.json };
    return { role, root: { keys: prune(next.keys, root.roles[role].keyids, Object.values(roles)), roles } };
  }
  const found = delegations.roles.find(({ name }) => name === role);
  if (found === undefined) throw new AshoreError("NOT_FOUND", `There is no role "${role}"; there are root, targets, snapshot, timestamp, ${delegations.roles.map(({ name }) => name).join(", ")}.`);
  const next = editRole(role, found, delegations.keys, request);
  const roles = delegations.roles.map((delegation) => (delegation === found ? next.json : delegation));
  return { role, delegations: { ...delegations, keys: prune(next.keys, found.keyids, roles), roles } };
}

function planDelegation(delegations: DelegationsJson, { model, keys, threshold }: KeyRequest & { readonly kind: "delegate" }): KeyPlan {
  const name = PUBLISHER_PREFIX + model;
  if (delegations.roles.some((role) => role.name === name)) throw new AshoreError("ALREADY_EXISTS", `"${name}" is delegated to already; change it by "ashore keys add | rotate | revoke | threshold ${name}".`);
  const keyids = keys.map(({ keyid }) => keyid);
  const twice = keyids.find((keyid, place) => keyids.indexOf(keyid) !== place);
  if (twice !== undefined) throw new AshoreError("USAGE", `The key ${twice} is named twice; each counts once.`);
  assertThreshold(name, threshold, keyids.length);
  const delegation = { name, keyids, threshold, terminating: true, paths: [`models/${model}/*/manifest.json`] };
  const place = delegations.roles.findIndex((role) => role.name === "publisher");
  const at = place < 0 ? delegations.roles.length : place;
  const listed = Object.fromEntries(keys.map((key) => [key.keyid, keyJson(key.public)]));
  return { role: name, delegations: { ...delegations, keys: { ...delegations.keys, ...listed }, roles: [...delegations.roles.slice(0, at), delegation, ...delegations.roles.slice(at)] } };
}

type RoleRequest = Exclude<KeyRequest, { readonly kind: "delegate" }>;

function editRole<Role extends RoleJson>(role: string, json: Role, keys: KeysJson, request: RoleRequest): { readonly json: Role; readonly keys: KeysJson } {
  const { keyids } = json;
  if (request.kind === "threshold") {
    assertThreshold(role, request.threshold, keyids.length);
    return { json: { ...json, threshold: request.threshold }, keys };
  }
  if (request.kind === "revoke") {
    const gone = keyNamed(role, keyids, request.keyid);
    const left = keyids.filter((keyid) => keyid !== gone);
    assertThreshold(role, json.threshold, left.length);
    return { json: { ...json, keyids: left }, keys };
  }
  const { keyid: added, public: half } = request.key;
  if (keyids.includes(added)) throw new AshoreError("ALREADY_EXISTS", `The key ${added} signs for "${role}" already.`);
  const old = request.kind === "rotate" ? keyNamed(role, keyids, request.keyid ?? onlyOf(role, keyids)) : undefined;
  const next = old === undefined ? [...keyids, added] : keyids.map((keyid) => (keyid === old ? added : keyid));
  return { json: { ...json, keyids: next }, keys: { ...keys, [added]: keyJson(half) } };
}

function assertThreshold(role: string, threshold: number, keys: number): void {
  if (!Number.isSafeInteger(threshold) || threshold < 1) throw new AshoreError("USAGE", `A threshold is a number of keys, from 1; ${threshold} is not.`);
  if (threshold <= keys) return;
  throw new AshoreError("FAILED_PRECONDITION", `"${role}" would have ${keys} ${keys === 1 ? "key" : "keys"} where ${threshold} must sign, and no device could accept anything of it again. Nothing was changed: add keys first, or lower the threshold.`);
}

function onlyOf(role: string, keyids: readonly string[]): string {
  const [keyid, ...others] = keyids;
  if (keyid === undefined || others.length > 0) throw new AshoreError("USAGE", `"${role}" has ${keyids.length} keys; say which one to replace: ${keyids.join(", ")}.`);
  return keyid;
}

/** The least of a key id that is taken for it. */
const SHORTEST_KEYID = 6;

function keyNamed(role: string, keyids: readonly string[], start: string): string {
  const [found, ...others] = keyids.filter((keyid) => keyid === start || (start.length >= SHORTEST_KEYID && keyid.startsWith(start)));
  if (found === undefined) throw new AshoreError("NOT_FOUND", `No key ${start} signs for "${role}"; these do: ${keyids.join(", ")}.`);
  if (others.length > 0) throw new AshoreError("USAGE", `Several keys of "${role}" start with ${start}: ${[found, ...others].join(", ")}.`);
  return found;
}

function keyJson({ keytype, scheme, public: half }: PublicKey): object {
  return { keytype, scheme, keyval: { public: half } };
}

/** Without the keys that only the role used that gave them up. */
function prune(keys: KeysJson, before: readonly string[], roles: readonly RoleJson[]): KeysJson {
  const used = new Set(roles.flatMap(({ keyids }) => keyids));
  return Object.fromEntries(Object.entries(keys).filter(([keyid]) => used.has(keyid) || !before.includes(keyid)));
}
