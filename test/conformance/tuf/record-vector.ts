import type { ErrorCode } from "../../../protocol/errors.ts";
import { encode, keyJson, NOW, signedBy, TestRepository, testKey, type Bytes, type Signed, type TestKey } from "../../unit/tuf/test-repository.ts";
import type { Outcome, Round, Vector } from "./run-vector.ts";

export interface Case {
  /** The clause of The Update Framework's specification (1.0.x) that asks for it. */
  readonly clause: string;
  readonly title: string;
  readonly script: (script: Script) => void | Promise<void>;
}

export type Expected = { readonly code: ErrorCode | "OK" } & Partial<Omit<Outcome, "code" | "asReceived">>;

export interface RecordedCase extends Case {
  readonly vector: Vector;
  readonly expected: readonly Expected[];
}

/** Plays a case's repository, and keeps what it served in each round. */
export async function record(given: Case): Promise<RecordedCase> {
  const script = new Script(await TestRepository.create());
  await given.script(script);
  return { ...given, vector: { root: base64(script.root), rounds: script.rounds }, expected: script.expected };
}

export interface RoundOptions {
  readonly now?: number;
  readonly statuses?: Readonly<Record<string, number>>;
  readonly find?: string;
}

interface DelegateOptions {
  readonly from?: string;
  readonly keys?: readonly TestKey[];
  readonly threshold?: number;
  readonly terminating?: boolean;
  /** Default: `*`. */
  readonly paths?: readonly string[];
  readonly path_hash_prefixes?: readonly string[];
}

export class Script {
  readonly repository: TestRepository;
  /** What the device is shipped with. */
  root: Bytes;
  readonly rounds: Round[] = [];
  readonly expected: Expected[] = [];

  constructor(repository: TestRepository) {
    this.repository = repository;
    this.root = repository.file("root", 1);
  }

  /** The device updates from what is served now. */
  expect(code: Expected["code"], seen: Omit<Expected, "code"> = {}, { now = NOW, statuses = {}, find }: RoundOptions = {}): void {
    const files = Object.fromEntries([...this.repository.files].map(([path, bytes]) => [path, base64(bytes)]));
    this.rounds.push({ now, files, statuses, ...(find !== undefined && { find }) });
    this.expected.push({ code, ...seen });
  }

  /** The next version of a role, changed and signed by `keys` (its own by default); served, and named by what names it. */
  next(role: string, change: (signed: Signed) => void = () => undefined, keys: readonly TestKey[] = this.repository.keysOf(role)): void {
    const signed = this.repository.of(role);
    signed.version++;
    change(signed);
    this.repository.serve(role, signedBy(signed, keys));
  }

  /** Gives a top-level role other keys, in a next root that `signers` sign (by default the root's keys before it). */
  give(role: string, keys: readonly TestKey[], { threshold = 1, signers = this.repository.keysOf("root") }: { readonly threshold?: number; readonly signers?: readonly TestKey[] } = {}): void {
    this.repository.keys.set(role, [...keys]);
    this.next(
      "root",
      (root) => {
        const all = root["keys"] as Record<string, unknown>;
        for (const key of keys) all[key.keyid] = keyJson(key);
        (root["roles"] as Record<string, unknown>)[role] = { keyids: keys.map(({ keyid }) => keyid), threshold };
      },
      signers,
    );
  }

  /** A delegated role, of the parent's next version on. */
  async delegate(role: string, { from = "targets", keys, ...delegation }: DelegateOptions = {}): Promise<void> {
    const { repository } = this;
    if (keys !== undefined || !repository.keys.has(role)) repository.keys.set(role, [...(keys ?? [await testKey()])]);
    if (!repository.signed.has(role)) repository.signed.set(role, { _type: "targets", spec_version: "1.0.34", version: 0, expires: "2030-02-01T00:00:00Z", targets: {} });
    const parent = repository.of(from);
    const { keys: known, roles } = (parent["delegations"] ??= { keys: {}, roles: [] }) as { readonly keys: Record<string, unknown>; readonly roles: unknown[] };
    for (const key of repository.keysOf(role)) known[key.keyid] = keyJson(key);
    const coverage = delegation.path_hash_prefixes === undefined && { paths: ["*"] };
    roles.push({ name: role, keyids: repository.keysOf(role).map(({ keyid }) => keyid), threshold: 1, terminating: false, ...coverage, ...delegation });
  }
}

/** Metadata whose JSON is written by hand: what is signed is `form`, what is served `json`. */
export function handSigned(form: string, json: string, keys: readonly TestKey[]): Bytes {
  const signatures = keys.map((key) => ({ keyid: key.keyid, sig: key.sign(encode(form)) }));
  return encode(`{"signatures":${JSON.stringify(signatures)},"signed":${json}}`);
}

/** Bytes of metadata, changed after they were signed. */
export function tampered(bytes: Bytes, change: (metadata: { signatures: { keyid: string; sig: string }[]; signed: Signed }) => void): Bytes {
  const metadata = JSON.parse(new TextDecoder().decode(bytes)) as Parameters<typeof change>[0];
  change(metadata);
  return encode(metadata);
}

function base64(bytes: Bytes): string {
  return Buffer.from(bytes).toString("base64");
}
