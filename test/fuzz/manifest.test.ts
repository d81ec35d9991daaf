import { posix } from "node:path";
import { expect, test } from "vitest";
import { aspired } from "../../protocol/aspired.ts";
import { digestOf, digestOfHex, hexOf } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { parseManifest, printManifest, type Manifest } from "../../protocol/manifest.ts";
import { modelName, version as versionOf } from "../../protocol/names.ts";
import { parseServingConfig, printServingConfig, type ServingConfig } from "../../protocol/serving-config.ts";
import { parseTensorIndex, printTensorIndex, type TensorIndex } from "../../protocol/tensor-index.ts";
import { blobsOf } from "../../runtime/sync/index.ts";
import { createTrust } from "../../runtime/trust/index.ts";
import { publishVersion } from "../unit/sync/make-version.ts";
import { encode, MemoryRecords, SERVER, TestClock, TestRepository } from "../unit/tuf/test-repository.ts";
import { mutateBytes, mutateJson, type Json } from "./mutate.ts";
import { rounds, type Random } from "./random.ts";

/** Manifests, serving configs and tensor indices that were changed at random: a typed refusal, or a value that is all that its type promises. */
const REFUSALS = new Set(["JSON_INVALID", "SCHEMA_INVALID", "LIMIT_EXCEEDED"]);

const { manifest: MANIFEST } = await publishVersion({ version: 3, shards: [1, 2, 3] });
const info = (n: number): { sha256: string; length: number } => ({ sha256: n.toString(16).padStart(64, "0"), length: 10 * n });
const CONFIG: ServingConfig = {
  schemaVersion: 1,
  model: modelName("digits"),
  versions: [1, 2, 3, 4].map((n) => ({ version: versionOf(n), manifest: info(n) })),
  policy: { latest: 2 },
  labels: { stable: versionOf(1), canary: versionOf(4) },
  rollout: { version: versionOf(4), salt: "a", buckets: 5000 },
  blocked: [digestOfHex(info(3).sha256)],
  halt: false,
  pollSeconds: 60,
};
const SHARDS = [64, 32, 64];
const INDEX: TensorIndex = {
  schemaVersion: 1,
  tensors: [
    { name: "a", dtype: "float32", shape: [2, 8], shard: 0, offset: 0, size: 64 },
    { name: "b", dtype: "float32", shape: [20], shard: 1, offset: 0, size: 80, quantization: { dtype: "uint8", scale: 0.5, min: -1 } },
    { name: "c", dtype: "int32", shape: [], shard: 2, offset: 60, size: 4 },
  ],
};

/** Changed bytes, or changed words in whole JSON. */
function changed(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  if (random.chance(0.4)) return mutateBytes(bytes, random);
  let value = JSON.parse(new TextDecoder().decode(bytes)) as Json;
  for (let i = 1 + random.below(3); i > 0; i--) value = mutateJson(value, random);
  return encode(JSON.stringify(value));
}

/** What was read, or undefined where it was refused as it should be. */
function read<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof AshoreError && REFUSALS.has(error.code)) return undefined;
    throw error;
  }
}

test("a manifest", async () => {
  let taken = 0;
  await rounds(1500, 10, (random) => {
    const manifest = read<Manifest>(() => parseManifest(changed(printManifest(MANIFEST), random)));
    if (manifest === undefined) return;
    taken++;
    expect(parseManifest(printManifest(manifest))).toEqual(manifest);
    for (const { digest, size, encodings } of blobsOf(manifest)) {
      expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(size).toBeLessThanOrEqual(LIMITS.graphBytes);
      for (const encoding of encodings) {
        expect(encoding.size).toBeLessThanOrEqual(size + LIMITS.encodingOverheadBytes);
        if (encoding.codec === "identity") expect([encoding.digest, encoding.size]).toEqual([digest, size]);
      }
      expect(encodings.at(-1)).not.toHaveProperty("base");
    }
    for (const { path } of manifest.assets) expect(posix.join("/folder", path)).toMatch(/^\/folder\/./);
  });
  expect(taken).toBeGreaterThan(100);
});

test("a serving config", async () => {
  let taken = 0;
  await rounds(1500, 11, (random) => {
    const config = read(() => parseServingConfig(changed(printServingConfig(CONFIG), random)));
    if (config === undefined) return;
    taken++;
    expect(parseServingConfig(printServingConfig(config))).toEqual(config);
    const floor = random.below(4);
    const wanted = aspired(config, { floor, bucket: random.below(10_000), held: new Set([random.below(5)]), failed: new Set() });
    for (const [at, { version, manifest }] of wanted.entries()) {
      expect(config.versions).toContainEqual({ version, manifest });
      expect(config.blocked).not.toContain(digestOfHex(manifest.sha256));
      expect(version).toBeGreaterThanOrEqual(floor);
      expect(version).toBeLessThan(wanted[at - 1]?.version ?? Number.POSITIVE_INFINITY);
    }
  });
  expect(taken).toBeGreaterThan(100);
});

test("a tensor index", async () => {
  let taken = 0;
  await rounds(1500, 12, (random) => {
    const index = read(() => parseTensorIndex(changed(printTensorIndex(INDEX), random), SHARDS));
    if (index === undefined) return;
    taken++;
    const bytesFrom = (shard: number): number => SHARDS.slice(shard).reduce((sum, size) => sum + size, 0);
    for (const { shard, offset, size } of index.tensors) if (size > 0) expect(offset + size).toBeLessThanOrEqual(bytesFrom(shard));
  });
  expect(taken).toBeGreaterThan(100);
});

test("what is not the signed target is not taken for it", async () => {
  const repository = await TestRepository.create("ed25519");
  const bytes = repository.setTarget("publisher", "models/digits/3/manifest.json", new TextDecoder().decode(printManifest(MANIFEST)));
  repository.publishTargets("publisher");
  const trust = createTrust({ server: SERVER, fetch: repository.fetch, clock: new TestClock(), store: new MemoryRecords() });
  await trust.poll();
  const target = await trust.find("models/digits/3/manifest.json");
  if (target === undefined) throw new Error("no target");
  expect(target.sha256).toBe(hexOf(await digestOf(bytes)));
  await rounds(300, 13, async (random) => {
    const sent = mutateBytes(bytes, random);
    repository.fault = (path) => (path.startsWith("targets/") ? new Response(sent) : undefined);
    const got = await trust.fetchTarget(target).catch((error: unknown) => error);
    if (got instanceof Uint8Array) expect(got).toEqual(bytes);
    else expect(got).toMatchObject({ code: expect.stringMatching(/^(DIGEST_MISMATCH|SIZE_MISMATCH|LIMIT_EXCEEDED)$/) as unknown });
  });
});
