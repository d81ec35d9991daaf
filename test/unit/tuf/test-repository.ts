import { generateKeyPairSync, createHash, type KeyObject, sign as nodeSign, constants } from "node:crypto";
import { canonicalJson, consistentTargetPath, keyIdOf, metadataFileName, type PublicKey } from "../../../protocol/tuf/index.ts";
import type { Clock, FetchPort, RecordStore } from "../../../runtime/ports.ts";

export type Bytes = Uint8Array<ArrayBuffer>;
export type Signed = Record<string, unknown> & { version: number; expires: string };
export const DAY = 24 * 3_600_000;
export const NOW = Date.parse("2030-01-01T00:00:00Z");

export interface TestKey {
  readonly keyid: string;
  readonly public: PublicKey;
  sign(data: Bytes): string;
}

export type KeyKind = "ecdsa" | "ed25519" | "rsa";

/** A key of Node's crypto, so that what WebCrypto verifies was signed by somebody else. */
export async function testKey(kind: KeyKind = "ecdsa"): Promise<TestKey> {
  const pair = kind === "ecdsa" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : kind === "rsa" ? generateKeyPairSync("rsa", { modulusLength: 2048 }) : generateKeyPairSync("ed25519");
  const pem = (key: KeyObject): string => key.export({ type: "spki", format: "pem" }).toString();
  const raw = (key: KeyObject): string => key.export({ type: "spki", format: "der" }).subarray(-32).toString("hex");
  const key: PublicKey =
    kind === "ecdsa"
      ? { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", public: pem(pair.publicKey) }
      : kind === "rsa"
        ? { keytype: "rsa", scheme: "rsassa-pss-sha256", public: pem(pair.publicKey) }
        : { keytype: "ed25519", scheme: "ed25519", public: raw(pair.publicKey) };
  const sign = (data: Bytes): string => {
    if (kind === "ed25519") return nodeSign(null, data, pair.privateKey).toString("hex");
    if (kind === "rsa") return nodeSign("sha256", data, { key: pair.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }).toString("hex");
    return nodeSign("sha256", data, pair.privateKey).toString("hex");
  };
  return { keyid: await keyIdOf(key), public: key, sign };
}

export const keyJson = ({ public: key }: TestKey) => ({ keytype: key.keytype, scheme: key.scheme, keyval: { public: key.public } });

export const encode = (value: unknown): Bytes => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
export const iso = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/, "Z");

/** Metadata signed by these keys, whatever it says. */
export function signedBy(signed: object, keys: readonly TestKey[]): Bytes {
  const form = canonicalJson(signed);
  return encode({ signatures: keys.map((key) => ({ keyid: key.keyid, sig: key.sign(form) })), signed });
}

type TopRole = "root" | "timestamp" | "snapshot" | "targets";

/**
 * A repository in memory that signs for real and can be made to misbehave: change `signed` as you like, then `publish`
 * roles. `files` is what it serves; `fault` sees every request first.
 */
export class TestRepository {
  readonly keys = new Map<string, TestKey[]>();
  readonly signed = new Map<string, Signed>();
  readonly files = new Map<string, Bytes>();
  readonly requests: string[] = [];
  fault: ((path: string, signal: AbortSignal | undefined) => Response | Promise<Response> | undefined) | undefined;

  static async create(kind: KeyKind = "ecdsa"): Promise<TestRepository> {
    const repository = new TestRepository();
    for (const role of ["root", "timestamp", "snapshot", "targets", "publisher", "serving"]) repository.keys.set(role, [await testKey(kind)]);
    const common = (type: string, days: number): Signed => ({ _type: type, spec_version: "1.0.34", version: 0, expires: iso(NOW + days * DAY) });
    repository.signed.set("root", { ...common("root", 365), consistent_snapshot: true, keys: {}, roles: {} });
    repository.signed.set("targets", { ...common("targets", 365), targets: {}, delegations: { keys: {}, roles: [] } });
    for (const role of ["publisher", "serving"]) repository.signed.set(role, { ...common("targets", 30), targets: {} });
    repository.signed.set("snapshot", { ...common("snapshot", 30), meta: {} });
    repository.signed.set("timestamp", { ...common("timestamp", 1), meta: {} });
    repository.delegate("publisher", ["models/*/*/manifest.json"]);
    repository.delegate("serving", ["serving/*.json"]);
    repository.publish("root", "targets", "publisher", "serving", "snapshot", "timestamp");
    return repository;
  }

  of(role: string): Signed {
    const signed = this.signed.get(role);
    if (signed === undefined) throw new Error(`no ${role}`);
    return signed;
  }
  keysOf(role: string): TestKey[] {
    return this.keys.get(role) ?? [];
  }
  delegate(name: string, paths: readonly string[], { from = "targets", terminating = true }: { from?: string; terminating?: boolean } = {}): void {
    const parent = this.of(from) as Signed & { delegations?: { keys: Record<string, unknown>; roles: unknown[] } };
    parent.delegations ??= { keys: {}, roles: [] };
    for (const key of this.keysOf(name)) parent.delegations.keys[key.keyid] = keyJson(key);
    parent.delegations.roles.push({ name, keyids: this.keysOf(name).map(({ keyid }) => keyid), threshold: 1, terminating, paths });
  }
  /** The bytes of a role as they are served now. */
  file(role: string, version?: number): Bytes {
    const bytes = this.files.get(this.#path(role, version ?? this.of(role).version));
    if (bytes === undefined) throw new Error(`no file of ${role}`);
    return bytes;
  }

  setTarget(role: string, path: string, content: string, custom?: object): Bytes {
    const bytes = encode(content);
    (this.of(role) as Signed & { targets: Record<string, unknown> }).targets[path] = { length: bytes.length, hashes: { sha256: sha256(bytes) }, ...(custom && { custom }) };
    this.files.set(`targets/${this.#isConsistent() ? consistentTargetPath(path, sha256(bytes)) : path}`, bytes);
    return bytes;
  }
  #isConsistent(): boolean {
    return this.of("root")["consistent_snapshot"] === true;
  }
  #path(role: string, version: number): string {
    return `metadata/${metadataFileName(role, role === "root" || (role !== "timestamp" && this.#isConsistent()) ? version : undefined)}`;
  }

  /** Signs the next version of each role, in the order given, and serves it. */
  publish(...roles: readonly string[]): void {
    for (const role of roles) {
      const signed = this.of(role);
      signed.version++;
      if (role === "root") this.#listKeys(signed);
      this.serve(role, signedBy(signed, this.keysOf(role)));
    }
  }
  /** Serves bytes as a role's present version, and says so in the snapshot or timestamp (unsigned until published). */
  serve(role: string, bytes: Bytes): void {
    const { version } = this.of(role);
    this.files.set(this.#path(role, version), bytes);
    const meta = { version, length: bytes.length, hashes: { sha256: sha256(bytes) } };
    if (role === "snapshot") this.of("timestamp")["meta"] = { "snapshot.json": meta };
    else if (role !== "root" && role !== "timestamp") this.of("snapshot")["meta"] = { ...(this.of("snapshot")["meta"] as object), [`${role}.json`]: meta };
  }
  publishTargets(...roles: readonly string[]): void {
    this.publish(...roles, "snapshot", "timestamp");
  }
  /** Replaces the keys of a top-level role in the next root; signed by old and new root keys alike. */
  async rotate(role: TopRole, count = 1): Promise<void> {
    const old = this.keysOf(role);
    this.keys.set(role, await Promise.all(Array.from({ length: count }, () => testKey())));
    const root = this.of("root");
    root.version++;
    this.#listKeys(root);
    const signers = role === "root" ? [...old, ...this.keysOf("root")] : this.keysOf("root");
    this.serve("root", signedBy(root, signers));
  }
  #listKeys(root: Signed): void {
    const top = (["root", "timestamp", "snapshot", "targets"] as const).map((role) => [role, this.keysOf(role)] as const);
    const thresholds = (root["roles"] ?? {}) as Record<string, { threshold?: number }>;
    root["keys"] = Object.fromEntries(top.flatMap(([, keys]) => keys.map((key) => [key.keyid, keyJson(key)])));
    root["roles"] = Object.fromEntries(top.map(([role, keys]) => [role, { keyids: keys.map(({ keyid }) => keyid), threshold: thresholds[role]?.threshold ?? 1 }]));
  }

  readonly fetch: FetchPort = async (url, init) => {
    const path = new URL(url).pathname.slice(1);
    this.requests.push(path);
    const faulty = await this.fault?.(path, init?.signal ?? undefined);
    if (faulty !== undefined) return faulty;
    const bytes = this.files.get(path);
    return bytes === undefined ? new Response("no such file", { status: 404 }) : new Response(bytes);
  };
}

export const SERVER = "https://models.example";

/** A store in memory; `fail` makes the next writes throw, and records are copied as a disk would. */
export class MemoryRecords implements RecordStore {
  readonly records = new Map<string, Bytes>();
  readonly writes: string[] = [];
  /** How many more effects succeed. */
  left = Number.POSITIVE_INFINITY;

  async read(name: string): Promise<Bytes | undefined> {
    return this.records.get(name)?.slice();
  }
  async write(name: string, bytes: Bytes): Promise<void> {
    this.#effect();
    this.writes.push(name);
    this.records.set(name, bytes.slice());
  }
  async delete(name: string): Promise<void> {
    this.#effect();
    this.records.delete(name);
  }
  #effect(): void {
    if (this.left <= 0) throw new Error("the power is off");
    this.left--;
  }
  flipBit(name: string): void {
    const bytes = this.records.get(name);
    if (bytes === undefined) throw new Error(`no record ${name}`);
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
  }
}

/** A clock that stands still until it is told, and whose sleepers wake when it passes their time. */
export class TestClock implements Clock {
  time = NOW;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();

  now(): number {
    return this.time;
  }
  sleep(ms: number, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new Error("aborted"));
      const sleeper = { until: this.time + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers.delete(sleeper);
        reject(new Error("aborted"));
      });
    });
  }
  advance(ms: number): void {
    this.time += ms;
    for (const sleeper of [...this.#sleepers]) {
      if (sleeper.until > this.time) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}
