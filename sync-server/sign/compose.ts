import { createHash } from "node:crypto";
import { AshoreError } from "../../protocol/errors.ts";
import { printExpiry, type PublicKey, type Targets } from "../../protocol/tuf/index.ts";
import type { TargetInfo } from "../../protocol/serving-config.ts";
import type { SigningKey } from "./signing-key.ts";

/** A signed target: its SHA-256 in hexadecimal, its length in bytes, and what the role says beside it. */
export interface SignedTarget extends TargetInfo {
  /** Signed as it is; ASCII keys, safe integers, strings, and nothing else. */
  readonly custom?: Readonly<Record<string, unknown>>;
}

export type SignedTargets = ReadonlyMap<string, SignedTarget>;

const SPEC_VERSION = "1.0.34";

interface Dated {
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

function dated(type: string, { version, expires }: Dated) {
  return { _type: type, spec_version: SPEC_VERSION, version, expires: printExpiry(expires) };
}

const keyJson = (key: PublicKey) => ({ keytype: key.keytype, scheme: key.scheme, keyval: { public: key.public } });

/** The first root of a folder that makes its own keys: one key a role, threshold 1. */
export function composeFirstRoot(keys: Readonly<Record<"root" | "targets" | "snapshot" | "timestamp", SigningKey>>, expires: number) {
  const roles = Object.fromEntries(Object.entries(keys).map(([role, { keyid }]) => [role, { keyids: [keyid], threshold: 1 }]));
  return {
    ...dated("root", { version: 1, expires }),
    consistent_snapshot: true,
    keys: Object.fromEntries(Object.values(keys).map((key) => [key.keyid, keyJson(key.public)])),
    roles,
  };
}

/** Who signs what in watch mode (DESIGN section 4.1). */
export function composeDelegations(keys: Readonly<Record<"publisher" | "serving", SigningKey>>) {
  const delegation = (name: "publisher" | "serving", pattern: string) => ({ name, keyids: [keys[name].keyid], threshold: 1, terminating: true, paths: [pattern] });
  return {
    keys: Object.fromEntries(Object.values(keys).map((key) => [key.keyid, keyJson(key.public)])),
    roles: [delegation("publisher", "models/*/*/manifest.json"), delegation("serving", "serving/*.json")],
  };
}

export function composeTargets(when: Dated, targets: SignedTargets, delegations?: object) {
  const entry = ({ sha256, length, custom }: SignedTarget) => ({ length, hashes: { sha256 }, ...(custom !== undefined && { custom }) });
  return {
    ...dated("targets", when),
    targets: Object.fromEntries([...targets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, target]) => [path, entry(target)])),
    ...(delegations !== undefined && { delegations }),
  };
}

/** Version, length and hash of metadata, as what names it says. */
export function metaOf(version: number, bytes: Uint8Array) {
  return { version, length: bytes.byteLength, hashes: { sha256: createHash("sha256").update(bytes).digest("hex") } };
}

export function composeSnapshot(when: Dated, meta: object) {
  return { ...dated("snapshot", when), meta };
}

export function composeTimestamp(when: Dated, meta: object) {
  return { ...dated("timestamp", when), meta };
}

/** The targets of metadata that was read, each with its SHA-256. @throws METADATA_MALFORMED for one that has none */
export function targetsOf({ targets }: Targets): Map<string, SignedTarget> {
  const signed = new Map<string, SignedTarget>();
  for (const [path, { length, hashes, custom }] of targets) {
    const sha256 = hashes.get("sha256");
    if (sha256 === undefined) throw new AshoreError("METADATA_MALFORMED", `The target ${path} is signed for without a SHA-256, which every target here must have.`);
    signed.set(path, { sha256, length, ...(custom !== undefined && { custom }) });
  }
  return signed;
}
