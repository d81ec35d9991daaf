import { gzipSync } from "node:zlib";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { digestOf, hexOf } from "../../protocol/digest.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import type { EncodedBlob, Manifest } from "../../protocol/manifest.ts";
import { encode, signedBy, type Bytes } from "../unit/tuf/test-repository.ts";
import { heals, makeGoods, refuses, refusesForGood, Scene, type Goods } from "./scene.ts";

/** A whole device that is sent content to break it, by a mirror, or with the signatures of a publisher who lies; see device-network.test.ts. */
let goods: Goods;
let scene: Scene;

beforeAll(async () => {
  goods = await makeGoods();
});
beforeEach(async () => {
  scene = await Scene.open(goods);
});
afterEach(() => scene.close());

const MIB = 1024 * 1024;
const nested = (depth: number, open = "[", close = "]"): string => open.repeat(depth) + close.repeat(depth);
/** Version 3's manifest, changed and signed. */
function offerChanged(change: (manifest: Manifest) => Manifest): void {
  offerText(JSON.stringify(change(goods.manifest("line", 3))));
}
function offerText(text: string): void {
  scene.offer(3, { text });
  scene.repository.publishTargets("publisher", "serving");
}
/** The variants with every shard changed. */
const withShards = (manifest: Manifest, change: (shard: EncodedBlob, at: number) => EncodedBlob): Manifest => ({
  ...manifest,
  variants: manifest.variants.map((variant) => ({ ...variant, shards: variant.shards.map(change) })),
});
const shardsOf = (version: number): readonly EncodedBlob[] => goods.manifest("line", version).variants[0]?.shards ?? [];

async function withdrawn(): Promise<void> {
  scene.withdraw(3);
  await heals(scene);
}

describe("a blob", () => {
  test("of another version, as long as the right one", async () => {
    const { repository } = scene;
    const [wanted, other] = [shardsOf(3), shardsOf(2)].map((shards) => shards[0]?.encodings.at(-1));
    if (wanted === undefined || other === undefined || wanted.size !== other.size || wanted.digest === other.digest) throw new Error("they were to be alike in length alone");
    scene.offer(3);
    repository.publishTargets("publisher", "serving");
    repository.fault = (path) => (path === `blobs/sha256/${hexOf(wanted.digest)}` ? new Response(repository.files.get(`blobs/sha256/${hexOf(other.digest)}`)) : undefined);
    await refuses(scene, "DIGEST_MISMATCH");
    await heals(scene);
  });

  test.each<[string, ErrorCode, (bytes: Bytes) => Bytes]>([
    ["with one bit flipped", "DIGEST_MISMATCH", (bytes) => bytes.map((byte, at) => (at === bytes.length >> 1 ? byte ^ 1 : byte))],
    ["that is cut", "SIZE_MISMATCH", (bytes) => bytes.slice(0, -1)],
    ["with a byte more", "LIMIT_EXCEEDED", (bytes) => Uint8Array.of(...bytes, 0)],
  ])("%s, whichever it is", async (_, code, change) => {
    const { repository } = scene;
    scene.offer(3);
    repository.publishTargets("publisher", "serving");
    repository.fault = (path) => {
      const bytes = repository.files.get(path);
      return path.startsWith("blobs/") && bytes !== undefined ? new Response(change(bytes)) : undefined;
    };
    await refuses(scene, code);
    await heals(scene);
  });

  test("that the manifest says is carried by a gzip bomb", async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(64 * MIB)));
    const digest = await digestOf(bomb);
    scene.repository.files.set(`blobs/sha256/${hexOf(digest)}`, bomb);
    offerChanged((manifest) => withShards(manifest, (shard) => ({ ...shard, encodings: [{ codec: "gzip", digest, size: bomb.length }] })));
    const before = process.memoryUsage().arrayBuffers;
    await refuses(scene, "ENCODING_INVALID");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * MIB);
    await withdrawn();
  });

  test("that an encoding decodes to other bytes than its digest names", async () => {
    const other = new Uint8Array(gzipSync(Float32Array.of(666)));
    const digest = await digestOf(other);
    scene.repository.files.set(`blobs/sha256/${hexOf(digest)}`, other);
    offerChanged((manifest) => withShards(manifest, (shard) => ({ ...shard, encodings: [{ codec: "gzip", digest, size: other.length }] })));
    const [shard] = shardsOf(3);
    await refuses(scene, shard?.size === 4 ? "DIGEST_MISMATCH" : "ENCODING_INVALID");
    await withdrawn();
  });

  test("with weights that compute other numbers than the publisher's machine did", async () => {
    const [wrong] = shardsOf(4);
    if (wrong === undefined) throw new Error("no shard");
    offerChanged((manifest) => withShards(manifest, (shard, at) => (at === 0 ? wrong : shard)));
    await scene.device.runtime.sync();
    await scene.device.runtime.settled();
    expect(scene.device.runtime.status("line")?.find(({ version }) => version === 3)).toMatchObject({ state: "END", error: { code: "SELF_TEST_FAILED" } });
    expect(await scene.answer()).toEqual({ status: 200, version: "2", y: 42 });
    await withdrawn();
  });
});

describe("a manifest", () => {
  test.each<[string, ErrorCode, () => string]>([
    ["of another version", "METADATA_MISMATCH", () => goods.manifestText("line", 4)],
    ["of another model", "METADATA_MISMATCH", () => goods.manifestText("curve", 1)],
    ["with a key twice", "JSON_INVALID", () => goods.manifestText("line", 3).replace('"version":3', '"version":4,"version":3')],
    ["with a key twice, once in escapes", "JSON_INVALID", () => goods.manifestText("line", 3).replace('"version":3', '"version":3,"v\\u0065rsion":4')],
    ["that is no JSON", "JSON_INVALID", () => `${goods.manifestText("line", 3).trimEnd()},`],
    ["that is nested without end", "JSON_INVALID", () => nested(30_000).slice(0, 30_000)],
    ["that is nothing but nesting", "SCHEMA_INVALID", () => nested(30_000)],
    ["that is larger than any may be", "LIMIT_EXCEEDED", () => goods.manifestText("line", 3) + " ".repeat(64 * 1024)],
    ["of a schema that is not known here", "SCHEMA_INVALID", () => goods.manifestText("line", 3).replace('"schemaVersion":1', '"schemaVersion":2')],
    ["of negative sizes", "SCHEMA_INVALID", () => goods.manifestText("line", 3).replace(/"size":\d+/, '"size":-1')],
    ["of sizes beyond all bounds", "LIMIT_EXCEEDED", () => goods.manifestText("line", 3).replace(/"size":\d+/, '"size":9007199254740991')],
    ["whose asset leaves its folder", "SCHEMA_INVALID", () => JSON.stringify({ ...goods.manifest("line", 3), assets: [{ path: "../../etc/passwd", blob: shardsOf(3)[0] }] })],
    ["that ends a blob's encodings with a delta", "SCHEMA_INVALID", () => JSON.stringify(withShards(goods.manifest("line", 3), (shard) => ({ ...shard, encodings: [{ ...shard.encodings[0]!, codec: "delta+planes+gzip", base: shard.digest }] })))],
    ["whose blobs come in encodings that nobody knows", "UNIMPLEMENTED", () => JSON.stringify(withShards(goods.manifest("line", 3), (shard) => ({ ...shard, encodings: [{ codec: "arithmetic", digest: shard.digest, size: shard.size }] })))],
  ])("%s", async (_, code, text) => {
    offerText(text());
    await (["LIMIT_EXCEEDED", "UNIMPLEMENTED"].includes(code) ? refuses(scene, code) : refusesForGood(scene, code));
    await withdrawn();
  });

  test("with deep nesting where nothing is known is taken for what is known", async () => {
    offerText(goods.manifestText("line", 3).replace('"schemaVersion":1', `"schemaVersion":1,"later":${nested(20_000)}`));
    await scene.device.runtime.sync();
    await scene.device.runtime.settled();
    expect(await scene.answer()).toEqual({ status: 200, version: "3", y: 43 });
  });
});

describe("a serving config", () => {
  const change = (edit: (text: string) => string): void => {
    scene.offer(3);
    const target = (scene.repository.of("serving")["targets"] as Record<string, { hashes: { sha256: string } }>)["serving/line.json"];
    const text = new TextDecoder().decode(scene.repository.files.get(`targets/serving/${target?.hashes.sha256}.line.json`));
    scene.serveText(edit(text));
    scene.repository.publishTargets("publisher", "serving");
  };

  test.each<[string, ErrorCode, (text: string) => string]>([
    ["with a key twice", "JSON_INVALID", (text) => text.replace('"halt":false', '"halt":true,"halt":false')],
    ["that is nested without end", "JSON_INVALID", () => "[".repeat(200_000)],
    ["that is nothing but nesting", "SCHEMA_INVALID", () => nested(100_000)],
    ["that names a version twice", "SCHEMA_INVALID", (text) => text.replace('"versions":[', `"versions":[{"version":3,"manifest":{"sha256":"${"0".repeat(64)}","length":1}},`)],
    ["that names a version that is no number", "SCHEMA_INVALID", (text) => text.replace('"version":3', '"version":3.5')],
    ["that is larger than any may be", "LIMIT_EXCEEDED", (text) => text + " ".repeat(256 * 1024)],
    ["that would have devices poll without a pause", "SCHEMA_INVALID", (text) => text.replace('"pollSeconds":60', '"pollSeconds":0')],
  ])("%s", async (_, code, edit) => {
    change(edit);
    await refuses(scene, code);
    await heals(scene);
  });
});

describe("metadata", () => {
  const ROLES = ["root", "timestamp", "snapshot", "targets", "publisher", "serving"] as const;

  /** Every role signed and in order, but for the bytes of one, which its keys signed all the same. */
  function offerRewritten(role: string, rewrite: (text: string) => string): void {
    const { repository } = scene;
    scene.offer(3);
    for (const one of ["root", "targets", "publisher", "serving", "snapshot", "timestamp"]) {
      if (one !== role) {
        repository.publish(one);
        continue;
      }
      const signed = repository.of(role);
      signed.version++;
      repository.serve(role, encode(rewrite(new TextDecoder().decode(signedBy(signed, repository.keysOf(role))))));
    }
  }
  const again = async (role: string): Promise<void> => {
    if (role === "root") scene.repository.of("root").version--;
    await heals(scene, ...(role === "root" || role === "targets" ? [role] : []));
  };

  const REWRITES: readonly (readonly [string, (text: string, role: string) => string])[] = [
    // JSON.parse takes the last, and a signature over that would be right.
    ["a key twice", (text) => text.replace('"version":', '"version":999,"version":')],
    ["nesting beyond all bounds", (text) => text.replace('"signed":{', `"signed":{"x":${nested(3000)},`)],
    ["nesting that does not end", (text) => text.slice(0, -2) + ',"x":' + "[".repeat(5000)],
    ["nothing but nesting", () => nested(5000)],
    ["another role's type", (text, role) => text.replace(/"_type":"[a-z]+"/, `"_type":"${role === "snapshot" ? "timestamp" : "snapshot"}"`)],
  ];
  const FINER: typeof REWRITES = [
    ["a key twice, once in escapes", (text) => text.replace('"_type":', '"_typ\\u0065":"root","_type":')],
    ["signatures twice", (text) => text.replace('"signatures":', '"signatures":[],"signatures":')],
    ["a fraction for a version", (text) => text.replace(/"version":(\d+),"expires"/, '"version":$1.5,"expires"')],
    ["a version beyond all integers", (text) => text.replace(/"version":\d+,"expires"/, '"version":9007199254740993,"expires"')],
    ["a time that is none", (text) => text.replace(/"expires":"[^"]+"/, '"expires":"9999-99-99T99:99:99Z"')],
    ["a specification of later years", (text) => text.replace('"spec_version":"1.0.34"', '"spec_version":"2.0.0"')],
  ];

  describe.each(ROLES)("of %s", (role) => {
    test.each([...REWRITES, ...(role === "timestamp" || role === "publisher" ? FINER : [])])("with %s", async (_, rewrite) => {
      offerRewritten(role, (text) => rewrite(text, role));
      await refuses(scene, "METADATA_MALFORMED");
      await again(role);
    });
  });

  test("that is no UTF-8", async () => {
    const { repository } = scene;
    repository.publish("timestamp");
    const bytes = repository.file("timestamp").slice();
    bytes[bytes.length - 3] = 0xff;
    repository.fault = (path) => (path === "metadata/timestamp.json" ? new Response(bytes) : undefined);
    await refuses(scene, "METADATA_MALFORMED");
    await heals(scene);
  });

  test("of targets that are said to be longer than any may be: they are not even asked for", async () => {
    const { repository } = scene;
    for (const [role, path] of [["serving", "serving/line.json"], ["publisher", "models/line/3/manifest.json"]] as const) {
      scene.offer(3);
      const targets = repository.of(role)["targets"] as Record<string, object>;
      targets[path] = { length: 2 ** 40, hashes: { sha256: "0".repeat(64) } };
      if (role === "publisher") scene.serve(3, { sha256: "0".repeat(64), length: 2 ** 40 });
      repository.publishTargets("publisher", "serving");
      repository.requests.length = 0;
      await refuses(scene, "LIMIT_EXCEEDED");
      expect(repository.requests.filter((request) => request.startsWith(`targets/${path.slice(0, 6)}`) && request.includes("0".repeat(64)))).toEqual([]);
    }
    await heals(scene);
  });

  test.each(["constructor", "prototype", "__proto__", "later"])("to which somebody adds the field %s", async (name) => {
    const { repository } = scene;
    repository.publish("timestamp");
    const text = new TextDecoder().decode(repository.file("timestamp")).replace('"signed":{', `"signed":{"${name}":{"a":1},`);
    repository.fault = (path) => (path === "metadata/timestamp.json" ? new Response(text) : undefined);
    await refuses(scene, "METADATA_UNSIGNED");
    await heals(scene);
  });
});
