import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { canonicalJson } from "../../protocol/tuf/index.ts";
import { ours, STEPS, theirs, type Files, type Outcome } from "./both-clients.ts";
import { looseCanonical, mutateBytes, mutateJson, type Json } from "./mutate.ts";
import { rounds } from "./random.ts";

/**
 * Metadata that was changed at random, given to our trusted set and to tuf-js: no crash, no hang, nothing is taken that was
 * not signed, and both trust the same of the same bytes.
 */
const NOW = Date.parse("2030-01-01T00:00:00Z");
const NAMES = [...STEPS, "oldTimestamp", "oldSnapshot"] as const;
type Name = (typeof NAMES)[number];

// tuf-js reads the clock itself.
beforeAll(() => void vi.useFakeTimers({ toFake: ["Date"], now: NOW }));
afterAll(() => void vi.useRealTimers());

interface Key {
  readonly id: string;
  readonly json: Json;
  readonly secret: KeyObject;
}

/** The same key for a number, always: a seed makes the same bytes. */
function key(number: number): Key {
  const secret = createPrivateKey({ key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, number)]), format: "der", type: "pkcs8" });
  const json = { keytype: "ed25519", scheme: "ed25519", keyval: { public: createPublicKey(secret).export({ type: "spki", format: "der" }).subarray(-32).toString("hex") } };
  return { id: createHash("sha256").update(canonicalJson(json)).digest("hex"), json, secret };
}

const KEYS: Readonly<Record<"root" | "timestamp" | "snapshot" | "targets" | "role", readonly Key[]>> = {
  root: [key(1), key(2), key(3)],
  timestamp: [key(4)],
  snapshot: [key(5)],
  targets: [key(6), key(7)],
  role: [key(8), key(9)],
};
const keysOf = (name: Name): readonly Key[] => KEYS[name.startsWith("root") ? "root" : name === "oldTimestamp" ? "timestamp" : name === "oldSnapshot" ? "snapshot" : (name as keyof typeof KEYS)];
const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function signed(value: Json, keys: readonly Key[]): Uint8Array<ArrayBuffer> {
  const form = encode(looseCanonical(value));
  return encode(JSON.stringify({ signatures: keys.map(({ id, secret }) => ({ keyid: id, sig: sign(null, form, secret).toString("hex") })), signed: value }));
}

const common = (type: string, version: number): { [key: string]: Json } => ({ _type: type, spec_version: "1.0.31", version, expires: "2030-06-01T00:00:00Z" });
const listed = (keys: readonly Key[]): { [key: string]: Json } => Object.fromEntries(keys.map(({ id, json }) => [id, json]));
const roleKeys = (keys: readonly Key[], threshold: number): { [key: string]: Json } => ({ keyids: keys.map(({ id }) => id), threshold });
const target = (content: string): Json => ({ length: content.length, hashes: { sha256: createHash("sha256").update(content).digest("hex") }, custom: { note: content } });
const root = (version: number): Json => ({
  ...common("root", version),
  consistent_snapshot: true,
  keys: listed([...KEYS.root, ...KEYS.timestamp, ...KEYS.snapshot, ...KEYS.targets]),
  roles: { root: roleKeys(KEYS.root, 2), timestamp: roleKeys(KEYS.timestamp, 1), snapshot: roleKeys(KEYS.snapshot, 1), targets: roleKeys(KEYS.targets, 2) },
});
const SIGNED: Readonly<Record<Name, Json>> = {
  root1: root(1),
  root2: root(2),
  oldTimestamp: { ...common("timestamp", 3), meta: { "snapshot.json": { version: 3 } } },
  oldSnapshot: { ...common("snapshot", 3), meta: { "targets.json": { version: 4 }, "role.json": { version: 2 } } },
  timestamp: { ...common("timestamp", 4), meta: { "snapshot.json": { version: 4 } } },
  snapshot: { ...common("snapshot", 4), meta: { "targets.json": { version: 5 }, "role.json": { version: 2 } } },
  targets: {
    ...common("targets", 5),
    targets: { "serving/digits.json": target("digits") },
    delegations: { keys: listed(KEYS.role), roles: [{ name: "role", ...roleKeys(KEYS.role, 1), terminating: true, paths: ["models/*/*/manifest.json"] }, { name: "other", ...roleKeys(KEYS.role, 2), terminating: false, path_hash_prefixes: ["00", "0f"] }] },
  },
  role: { ...common("targets", 2), targets: { "models/digits/3/manifest.json": target("three"), "models/digits/4/manifest.json": target("four") } },
};
const FILES = Object.fromEntries(NAMES.map((name) => [name, signed(SIGNED[name], keysOf(name))])) as Record<Name, Uint8Array<ArrayBuffer>> satisfies Files;

/** The signed part of metadata, in the form that signatures are over; undefined where there is none. */
function meaning(bytes: Uint8Array): string | undefined {
  try {
    return looseCanonical((JSON.parse(decode(bytes)) as { signed: Json }).signed);
  } catch {
    return undefined;
  }
}

/**
 * Whether metadata has parts that the two clients read by different rules on purpose. We ignore what we do not know and does not
 * count (other entries of a timestamp's `meta`, other roles of a root, keys of kinds that nobody here can use), as python-tuf
 * does; tuf-js refuses some of it, and prints other parts of it differently than they came.
 */
function isPeculiar(value: Json): boolean {
  if (!isObject(value)) return true;
  const { _type, meta, roles, keys, consistent_snapshot, delegations } = value;
  const names = (part: Json | undefined): string => (isObject(part) ? Object.keys(part).sort().join() : "");
  const areOdd = (listedKeys: Json | undefined): boolean =>
    isObject(listedKeys) && Object.values(listedKeys).some((one) => !isObject(one) || names(one) !== "keytype,keyval,scheme" || names(one["keyval"]) !== "public" || one["keytype"] !== "ed25519" || one["scheme"] !== "ed25519");
  switch (_type) {
    case "timestamp":
      return names(meta) !== "snapshot.json";
    case "snapshot":
      return isObject(meta) && Object.keys(meta).some((name) => !name.endsWith(".json"));
    case "root":
      return names(roles) !== "root,snapshot,targets,timestamp" || consistent_snapshot === undefined || areOdd(keys);
    default:
      // A role that is named as an index of an array changes its place in tuf-js.
      return isObject(delegations) && (areOdd(delegations["keys"]) || /"name":"\d+"/.test(JSON.stringify(delegations)));
  }
}

function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Where we are stricter about form, so be it (UTF-8, a key twice, times, fractions, schemes of keys; a signature with other than
 * hexadecimal digits in it, which Node reads up to there); in all else they agree.
 */
async function compare(files: Files, what: string): Promise<Outcome> {
  const [mine, other] = [await ours(files, NOW), theirs(files)];
  const isForm = mine.refusal === "METADATA_MALFORMED" || mine.refusal === "KEY_UNSUPPORTED" || (mine.refusal === "METADATA_UNSIGNED" && /"sig":"[0-9a-f]*[^0-9a-f"]/.test(what));
  if (isForm && other.accepted.length > mine.accepted.length) return mine;
  expect(mine.accepted, `${what}: ours ended with ${mine.refusal}`).toEqual(other.accepted);
  expect(mine.view, what).toEqual(other.view);
  return mine;
}

test("what was not changed is trusted by both", async () => {
  const mine = await ours(FILES, NOW);
  expect([mine.refusal, mine.accepted]).toEqual([undefined, STEPS]);
  expect(theirs(FILES)).toEqual(mine);
});

test("what anybody changed is refused by both, or says the same as before", async () => {
  await rounds(400, 1, async (random) => {
    const name = random.of(STEPS);
    const bytes = mutateBytes(FILES[name], random);
    const { accepted } = await compare({ ...FILES, [name]: bytes }, decode(bytes));
    if (accepted.includes(name)) expect(meaning(bytes), decode(bytes)).toBe(meaning(FILES[name]));
  });
});

test("of what a liar signed both trust the same", async () => {
  let believed = 0;
  await rounds(500, 2, async (random) => {
    const name = random.of(STEPS);
    let value = mutateJson(SIGNED[name], random);
    if (random.chance(0.3)) value = mutateJson(value, random);
    const files = { ...FILES, [name]: signed(value, keysOf(name)) };
    const { accepted } = isPeculiar(value) ? await ours(files, NOW) : await compare(files, JSON.stringify(value));
    if (accepted.includes(name)) believed++;
  });
  // Or the lies are too crude to test anything but the schemas.
  expect(believed).toBeGreaterThan(100);
});

test("the form that is signed is the same as everybody's", async () => {
  await rounds(2000, 3, (random) => {
    let value: Json = SIGNED[random.of(NAMES)];
    for (let i = random.below(6); i > 0; i--) value = mutateJson(value, random);
    let form: string | undefined;
    try {
      form = decode(canonicalJson(value));
    } catch (error) {
      expect(error).toMatchObject({ code: "METADATA_MALFORMED" });
      return;
    }
    expect(form).toBe(looseCanonical(value));
  });
});
