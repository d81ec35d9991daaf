import { describe, expect, test } from "vitest";
import { assertSignable, canonicalJson, checkHashes, consistentTargetPath, covers, derOfRaw, keyIdOf, matchesPattern, mayCoverUnder, metadataFileName, parseMetadata, rawOfDer, verifySignature, type PublicKey } from "../../../protocol/tuf/index.ts";
import { encode, keyJson, sha256, signedBy, testKey, TestRepository, type Bytes, type KeyKind } from "./test-repository.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const hex = (digits: string): Bytes => new Uint8Array(Buffer.from(digits, "hex"));

describe("canonical JSON (4.2.1, OLPC)", () => {
  test.each<[unknown, string]>([
    [{ b: 1, a: [true, false, null], "": -0 }, '{"":0,"a":[true,false,null],"b":1}'],
    ['"\\ \n\u0001é', '"\\"\\\\ \n\u0001é"'],
    [{ "\u{10000}": 1, "\u{fffd}": 2 }, '{"\u{fffd}":2,"\u{10000}":1}'],
    [{ ab: 1, a: 2, "a ": 3, B: 4 }, '{"B":4,"a":2,"a ":3,"ab":1}'],
    [9007199254740991, "9007199254740991"],
    [JSON.parse('{"__proto__":1,"constructor":2}'), '{"__proto__":1,"constructor":2}'],
  ])("%j", (value, form) => {
    expect(text(canonicalJson(value))).toBe(form);
  });

  test.each([[1.5], [9007199254740992], [Number.NaN], ["\ud800"], [{ "\udfff": 1 }], [undefined], [[() => 1]], [JSON.parse("[".repeat(100) + "]".repeat(100))]])("%j has none", (value) => {
    expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ code: "METADATA_MALFORMED" }));
  });

  test("what is signed here keeps to ASCII keys and safe integers, as implementations differ beyond", () => {
    expect(() => assertSignable({ a: [{ "models/x/1": 1 }], text: "é" })).not.toThrow();
    for (const value of [{ é: 1 }, [{ a: { "\n": 1 } }], { a: 0.5 }, { a: 2 ** 53 }]) {
      expect(() => assertSignable(value)).toThrow(expect.objectContaining({ code: "METADATA_MALFORMED" }));
    }
  });
});

describe("ECDSA signatures, DER and raw", () => {
  test("there and back, leading zeros and high bits included", () => {
    for (const [r, s] of [["00".repeat(31) + "01", "ff".repeat(32)], ["80" + "00".repeat(31), "00".repeat(32)], ["7f".repeat(32), "00ff" + "11".repeat(30)]] as const) {
      const raw = hex(r + s);
      expect(rawOfDer(derOfRaw(raw), 32)).toEqual(raw);
    }
    expect(Buffer.from(derOfRaw(hex("00".repeat(31) + "01" + "80" + "00".repeat(31)))).toString("hex")).toBe("3026020101022100" + "80" + "00".repeat(31));
  });

  test.each(["", "30", "3000", "3006020101020101ff", "3007020101020101", "300602010102017f00", "30060201010202", "3006020181020101", "300702020001020101", "31060201010201ff", "3003020101", "3080020101020101", "300602010102ff01"])("%s is refused", (der) => {
    expect(rawOfDer(hex(der), 32)).toBeUndefined();
  });

  test("an integer wider than the curve is refused", () => {
    expect(rawOfDer(derOfRaw(hex("01" + "00".repeat(32) + "00".repeat(32) + "01")), 32)).toBeUndefined();
  });
});

describe("keys (4.2.2)", () => {
  test.each<KeyKind>(["ecdsa", "ed25519", "rsa"])("%s signatures of another implementation are verified, and changed ones are not", async (kind) => {
    const key = await testKey(kind);
    for (let i = 0; i < 20; i++) {
      const data = encode(`data ${i}`);
      const signature = key.sign(data);
      expect(await verifySignature(key.public, signature, data)).toBe(true);
      expect(await verifySignature(key.public, signature, encode(`date ${i}`))).toBe(false);
      const at = 2 * (10 + i);
      const flipped = signature.slice(0, at) + (signature[at] === "0" ? "1" : "0") + signature.slice(at + 1);
      expect(await verifySignature(key.public, flipped, data)).toBe(false);
    }
    for (const signature of ["", "zz", "0", key.sign(encode("data")) + "00"]) expect(await verifySignature(key.public, signature, encode("data"))).toBe(false);
  });

  test.each<[string, PublicKey]>([
    ["another scheme", { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp521", public: "x" }],
    ["no PEM", { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", public: "04ab" }],
    ["another curve's bytes", { keytype: "ed25519", scheme: "ed25519", public: "ab" }],
    ["no base64", { keytype: "rsa", scheme: "rsassa-pss-sha256", public: "-----BEGIN PUBLIC KEY-----\nAAAA=A\n-----END PUBLIC KEY-----" }],
  ])("%s is KEY_UNSUPPORTED", async (_, key) => {
    await expect(verifySignature(key, "00", encode(""))).rejects.toMatchObject({ code: "KEY_UNSUPPORTED" });
  });

  test("a key id is the SHA-256 of the canonical key", async () => {
    const key: PublicKey = { keytype: "ed25519", scheme: "ed25519", public: "edcd0a32a07dce33f7c7873aaffbff36d20ea30787574ead335eefd337e4dacd" };
    expect(await keyIdOf(key)).toBe(sha256(encode('{"keytype":"ed25519","keyval":{"public":"edcd0a32a07dce33f7c7873aaffbff36d20ea30787574ead335eefd337e4dacd"},"scheme":"ed25519"}')));
  });
});

describe("path patterns (4.5)", () => {
  test.each<[string, string, boolean]>([
    ["models/*/*/manifest.json", "models/digits/3/manifest.json", true],
    ["models/*/*/manifest.json", "models/digits/3/4/manifest.json", false],
    ["models/*/*/manifest.json", "models/digits/manifest.json", false],
    ["serving/*.json", "serving/a.json", true],
    ["serving/*.json", "serving/a/b.json", false],
    ["serving/*.json", "serving/.json", true],
    ["*", "a", true],
    ["*", "a/b", false],
    ["foo-version-?.tgz", "foo-version-2.tgz", true],
    ["foo-version-?.tgz", "foo-version-alpha.tgz", false],
    ["a?b", "a/b", false],
    ["*.tgz", "a.tgz.exe", false],
    ["a*b*c", "axxbyyc", true],
    ["a*b*c", "axxbyy", false],
    ["", "", true],
    ["**", "abc", true],
    ["[ab].json", "a.json", false],
    ["a.json", "axjson", false],
  ])("%s covers %s: %s", (pattern, path, is) => {
    expect(matchesPattern(pattern, path)).toBe(is);
  });

  test("a hostile pattern takes no time worth naming", () => {
    expect(matchesPattern(`${"*a".repeat(200)}b`, "a".repeat(5_000))).toBe(false);
  });

  test("hash prefixes", async () => {
    const hash = sha256(encode("file.txt"));
    expect(await covers({ pathHashPrefixes: ["zz", hash.slice(0, 3)] }, "file.txt")).toBe(true);
    expect(await covers({ pathHashPrefixes: ["zz"] }, "file.txt")).toBe(false);
    expect(await covers({}, "file.txt")).toBe(false);
  });

  test("which delegations could matter under a folder", () => {
    const under = (paths: string[], folder: string): boolean => mayCoverUnder({ paths }, folder);
    expect(under(["models/*/*/manifest.json"], "models/digits/")).toBe(true);
    expect(under(["models/other/*/manifest.json"], "models/digits/")).toBe(false);
    expect(under(["serving/*.json"], "serving/")).toBe(true);
    expect(under(["serving/*.json"], "serving/a/")).toBe(false);
    expect(under(["serving/*.json"], "models/digits/")).toBe(false);
  });
});

test("role names are file names, whatever they hold", () => {
  expect(metadataFileName("../x", 3)).toBe("3...%2Fx.json");
  expect(metadataFileName("?#/")).toBe("%3F%23%2F.json");
  expect(consistentTargetPath("models/digits/3/manifest.json", "ab")).toBe("models/digits/3/ab.manifest.json");
  expect(consistentTargetPath("file", "ab")).toBe("ab.file");
});

describe("hashes (5.5.2, 5.6.2)", () => {
  test("every hash that is named must agree", async () => {
    const bytes = encode("bytes");
    const sha512 = Buffer.from(await crypto.subtle.digest("SHA-512", bytes)).toString("hex");
    await checkHashes(bytes, { length: 5, hashes: new Map([["sha256", sha256(bytes)], ["sha512", sha512]]) }, "x");
    for (const expected of [{ length: 4 }, { hashes: new Map([["sha256", sha256(bytes)], ["sha512", sha256(bytes)]]) }, { hashes: new Map([["md5", "00"]]) }]) {
      await expect(checkHashes(bytes, expected, "x")).rejects.toMatchObject({ code: "METADATA_MISMATCH" });
    }
  });
});

describe("metadata that is not as it must be (4.2-4.6)", () => {
  const changed = async (type: "root" | "timestamp" | "snapshot" | "targets", change: (signed: Record<string, unknown>) => object | void): Promise<Bytes> => {
    const repository = await TestRepository.create();
    const signed = structuredClone<Record<string, unknown>>(repository.of(type));
    return signedBy(change(signed) ?? signed, repository.keysOf(type));
  };
  const set = (target: object, key: string, value: unknown): void => void Object.assign(target, { [key]: value });

  test.each<[string, "root" | "timestamp" | "snapshot" | "targets", (signed: Record<string, unknown>) => object | void]>([
    ["another type", "timestamp", (signed) => set(signed, "_type", "snapshot")],
    ["version 0", "timestamp", (signed) => set(signed, "version", 0)],
    ["a negative version", "targets", (signed) => set(signed, "version", -3)],
    ["a version in a string", "targets", (signed) => set(signed, "version", "3")],
    ["no version", "snapshot", ({ version: _version, ...rest }) => rest],
    ["an expiry that is no time", "timestamp", (signed) => set(signed, "expires", "never")],
    ["an expiry that is no day", "timestamp", (signed) => set(signed, "expires", "2030-02-30T00:00:00Z")],
    ["an expiry with an offset", "timestamp", (signed) => set(signed, "expires", "2030-02-20T00:00:00+01:00")],
    ["an expiry that is a number", "root", (signed) => set(signed, "expires", 1)],
    ["another specification", "root", (signed) => set(signed, "spec_version", "2.0.0")],
    ["a threshold of 0", "root", (signed) => set((signed as { roles?: { root: object } }).roles?.root ?? {}, "threshold", 0)],
    ["a key listed twice", "root", (signed) => {
      const role = (signed as { roles: { root: { keyids: string[] } } }).roles.root;
      role.keyids.push(role.keyids[0] ?? "");
    }],
    ["a missing role", "root", (signed) => set(signed, "roles", {})],
    ["a snapshot version of -1", "timestamp", (signed) => set(signed, "meta", { "snapshot.json": { version: -1 } })],
    ["a hash that is none", "targets", (signed) => set(signed, "targets", { x: { length: 1, hashes: { sha256: "XYZ" } } })],
    ["no hash", "targets", (signed) => set(signed, "targets", { x: { length: 1, hashes: {} } })],
    ["a negative length", "targets", (signed) => set(signed, "targets", { x: { length: -1, hashes: { sha256: "00" } } })],
    ["a delegation named root", "targets", (signed) => set(signed, "delegations", { keys: {}, roles: [{ name: "root", keyids: [], threshold: 1, terminating: false, paths: [] }] })],
    ["a delegation without paths", "targets", (signed) => set(signed, "delegations", { keys: {}, roles: [{ name: "a", keyids: [], threshold: 1, terminating: false }] })],
    ["a delegation given twice", "targets", (signed) => set(signed, "delegations", { keys: {}, roles: [1, 2].map(() => ({ name: "a", keyids: [], threshold: 1, terminating: false, paths: [] })) })],
  ])("%s", async (_, type, change) => {
    const bytes = await changed(type, change);
    expect(() => parseMetadata(type, bytes, "It")).toThrow(expect.objectContaining({ code: "METADATA_MALFORMED" }));
  });

  test.each([
    ["HTML", "<!doctype html><title>Sign in</title>"],
    ["nothing", ""],
    ["null", "null"],
    ["a key twice", '{"signatures":[],"signed":{"_type":"timestamp"},"signed":{"_type":"root"}}'],
    ["a key twice, once escaped", '{"signatures":[],"signed":{"version":1,"v\\u0065rsion":2}}'],
    ["two signatures of a key", '{"signatures":[{"keyid":"a","sig":""},{"keyid":"a","sig":""}],"signed":{}}'],
  ])("%s", (_, json) => {
    expect(() => parseMetadata("timestamp", encode(json), "It")).toThrow(expect.objectContaining({ code: "METADATA_MALFORMED" }));
  });

  test("fields that are not known here are signed over, and the raw bytes are kept", async () => {
    const key = await testKey();
    const signed = { _type: "timestamp", spec_version: "1.0.31", version: 7, expires: "2030-01-01T00:00:00Z", meta: { "snapshot.json": { version: 1, "x-new": [] } }, "x-more": { b: 1, a: "é" } };
    const bytes = encode(JSON.stringify(JSON.parse(text(signedBy(signed, [key]))), null, 1));
    const parsed = parseMetadata("timestamp", bytes, "It");
    expect(parsed.bytes).toEqual(bytes);
    expect(parsed.signed).toEqual({ version: 7, expires: Date.parse("2030-01-01T00:00:00Z"), snapshot: { version: 1 } });
    expect(await verifySignature(key.public, parsed.signatures.get(key.keyid) ?? "", parsed.form)).toBe(true);
    expect(keyJson(key).keyval.public).toBe(key.public.public);
  });
});
