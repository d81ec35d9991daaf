import { cp, rm, writeFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decode } from "../../../protocol/encoding/index.ts";
import { digestOf, verifyDigest } from "../../../protocol/digest.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { EncodedBlob, Manifest } from "../../../protocol/manifest.ts";
import { modelName, version as versionNumber } from "../../../protocol/names.ts";
import { selfTestFault, selfTestInputs } from "../../../protocol/self-test.ts";
import { parseTensorIndex } from "../../../protocol/tensor-index.ts";
import { importModel } from "../../../sync-server/import/index.ts";
import { changeServing, readServing, revertTo } from "../../../sync-server/publish/index.ts";
import { blobPath, type FileStorage } from "../../../sync-server/storage/index.ts";
import { writeDeepModel, writeLinearModel } from "../../support/make-model.ts";
import { startPublishing, type Publishing } from "../../support/publishing.ts";
import { copyRealModel } from "../../support/real-models.ts";

let publishing: Publishing;
beforeAll(async () => {
  publishing = await startPublishing();
});
afterAll(() => publishing.close());

const linear = (model: string, version: number, a: number, b: number): Promise<void> => writeLinearModel(publishing.folder(`${model}/${version}`), a, b);

async function fetchBlob(storage: FileStorage, blob: EncodedBlob, codec?: string): Promise<Uint8Array<ArrayBuffer>> {
  const encoding = blob.encodings.find((one) => codec === undefined || one.codec === codec);
  if (encoding === undefined) throw new Error(`no ${codec}`);
  const encoded = (await storage.read(blobPath(encoding.digest))) ?? new Uint8Array();
  await verifyDigest(encoded, encoding, encoding.codec);
  const bytes = await decode(encoding, encoded, blob.size);
  await verifyDigest(bytes, blob, blob.mediaType);
  return bytes;
}

const variantOf = ({ variants: [variant] }: Manifest): Manifest["variants"][number] => {
  if (variant === undefined) throw new Error("no variant");
  return variant;
};

describe("a published version", () => {
  test("gives back every byte of its source, through every encoding, and the engine agrees with its self-test", async () => {
    await copyRealModel("blazeface", publishing.folder("face/3"));
    const { manifest: target, outcome } = await publishing.publish("face", 3);
    expect(outcome).toBe("published");
    const manifest = await publishing.manifest("face", 3, target);
    const { graph, index, shards } = variantOf(manifest);
    const { storage, engine } = publishing.ports;
    for (const blob of [graph, index, ...shards]) for (const { codec } of blob.encodings) await fetchBlob(storage, blob, codec);

    const source = await importModel(publishing.folder("face/3"));
    expect(await digestOf(source.graph)).toBe(graph.digest);
    const bytes = { graph: await fetchBlob(storage, graph), index: await fetchBlob(storage, index), shards: await Promise.all(shards.map((shard) => fetchBlob(storage, shard))) };
    const { tensors } = parseTensorIndex(bytes.index, shards.map(({ size }) => size));
    for (const { name, shard, offset, size } of tensors) {
      const original = source.tensors.find((tensor) => tensor.name === name)?.bytes ?? new Uint8Array();
      expect(Buffer.compare(bytes.shards[shard]?.subarray(offset, offset + size) ?? Buffer.of(), original), name).toBe(0);
    }

    const { selfTest, signatureDefs } = manifest;
    const signatureDef = signatureDefs["serving_default"];
    if (selfTest === null || signatureDef === undefined) throw new Error("no self-test");
    const model = await engine.load(bytes, { backend: "wasm" });
    const feeds = selfTestInputs(selfTest, signatureDef);
    const answers = await model.run({ "input:0": feeds["input"] ?? { dtype: "float32", shape: [0], data: new Float32Array() } }, Object.values(signatureDef.outputs).map(({ name }) => name));
    const outputs = Object.fromEntries(Object.entries(signatureDef.outputs).flatMap(([key, { name }]) => (answers[name] === undefined ? [] : [[key, answers[name]]])));
    expect(selfTestFault(selfTest, outputs)).toBeUndefined();
    const wrong = { ...outputs, Identity: { dtype: "float32" as const, shape: [1, 512, 1], data: new Float32Array(512) } };
    expect(selfTestFault(selfTest, wrong)).toMatch(/Identity has 0 at 0/);
    await model.close();
  });

  test("is signed with its source's digest, and named by the serving config", async () => {
    await linear("named", 1, 2, 3);
    const { manifest } = await publishing.publish("named", 1, { minVersion: versionNumber(1) });
    const state = await publishing.ports.signer.read();
    expect(state.roles.get("publisher")?.targets.get("models/named/1/manifest.json")).toEqual({
      ...manifest,
      custom: { sourceDigest: (await importModel(publishing.folder("named/1"))).sourceDigest, minVersion: 1 },
    });
    const { record } = await readServing(publishing.ports, modelName("named"));
    expect(record?.config).toMatchObject({ model: "named", versions: [{ version: 1, manifest }], policy: { latest: 1 } });
  });

  test("of a model with a tensor above 16 MiB is sliced into shards that a device takes", async () => {
    await writeDeepModel(publishing.folder("big/1"), { layers: 1, width: 2200, seed: 1 });
    const { manifest } = await publishing.publish("big", 1);
    const { shards } = variantOf(await publishing.manifest("big", 1, manifest));
    expect(shards.map(({ size }) => size)).toEqual([...Array<number>(4).fill(LIMITS.defaultShardBytes), 4 * 2200 * 2200 - 4 * LIMITS.defaultShardBytes]);
  });
});

describe("the same again", () => {
  test("from the same source publishes nothing, also from a copy of it", async () => {
    await linear("again", 1, 2, 3);
    const first = await publishing.publish("again", 1);
    const { versions } = await publishing.ports.signer.read();
    const second = await publishing.publish("again", 1);
    await cp(publishing.folder("again/1"), publishing.folder("copy"), { recursive: true });
    const third = await publishing.publish("again", 1, { source: publishing.folder("copy") });
    expect([first.outcome, second.outcome, third.outcome]).toEqual(["published", "unchanged", "unchanged"]);
    expect(third.manifest).toEqual(first.manifest);
    expect((await publishing.ports.signer.read()).versions).toEqual(versions);
  });

  test("under another number or in another folder, the same blobs: two runs on two machines agree but for the time", async () => {
    const other = await startPublishing();
    await copyRealModel("emotion", publishing.folder("same/1"));
    await copyRealModel("emotion", other.folder("same/1"));
    const [a, b] = [await publishing.publish("same", 1), await other.publish("same", 1)];
    const [one, two] = [await publishing.manifest("same", 1, a.manifest), await other.manifest("same", 1, b.manifest)];
    expect({ ...one, created: "" }).toEqual({ ...two, created: "" });
    await other.close();
  });

  test("with other bytes is refused, and what was published stays", async () => {
    await linear("bound", 1, 2, 3);
    await publishing.publish("bound", 1);
    const { versions } = await publishing.ports.signer.read();
    await linear("bound", 1, 2, 4);
    await expect(publishing.publish("bound", 1)).rejects.toMatchObject({ code: "VERSION_REBOUND", message: expect.stringContaining("Version 1 of bound") });
    expect((await publishing.ports.signer.read()).versions).toEqual(versions);
    expect(await publishing.served("bound")).toEqual([1]);
  });

  test("raises the minimum version, and never lowers it", async () => {
    await linear("floor", 5, 2, 3);
    const floor = async (): Promise<unknown> => (await publishing.ports.signer.read()).roles.get("publisher")?.targets.get("models/floor/5/manifest.json")?.custom?.["minVersion"];
    await publishing.publish("floor", 5);
    expect(await floor()).toBeUndefined();
    await publishing.publish("floor", 5, { minVersion: versionNumber(4) });
    expect(await floor()).toBe(4);
    await publishing.publish("floor", 5, { minVersion: versionNumber(2) });
    await publishing.publish("floor", 5);
    expect(await floor()).toBe(4);
    await expect(publishing.publish("floor", 5, { minVersion: versionNumber(6) })).rejects.toMatchObject({ code: "VERSION_INVALID" });
  });

  test("does not put back what a revert took out", async () => {
    await linear("back", 1, 1, 1);
    await linear("back", 2, 2, 2);
    const { manifest } = await publishing.publish("back", 1);
    await publishing.publish("back", 2);
    await changeServing(publishing.ports, modelName("back"), ({ record }) => (record === undefined ? undefined : { record: revertTo(record, versionNumber(1), manifest) }));
    expect(await publishing.served("back")).toEqual([1]);
    expect((await publishing.publish("back", 2)).outcome).toBe("unchanged");
    expect(await publishing.served("back")).toEqual([1]);
    await linear("back", 3, 3, 3);
    await publishing.publish("back", 3);
    expect(await publishing.served("back")).toEqual([1, 3]);
  });
});

describe("two at once", () => {
  test("on one folder both get through: neither takes the other's version away", async () => {
    await Promise.all([linear("race", 1, 1, 1), linear("race", 2, 2, 2), linear("lane", 1, 3, 3)]);
    await Promise.all([publishing.publish("race", 1), publishing.publish("race", 2), publishing.publish("lane", 1)]);
    expect(await publishing.served("race")).toEqual([1, 2]);
    expect(await publishing.served("lane")).toEqual([1]);
  });

  test("with the same version, the manifest that was signed first is everyone's", async () => {
    await linear("twin", 1, 1, 1);
    const results = await Promise.all([publishing.publish("twin", 1), publishing.publish("twin", 1)]);
    expect(results[0]?.manifest).toEqual(results[1]?.manifest);
    expect(await publishing.served("twin")).toEqual([1]);
  });
});

describe("self-tests", () => {
  test("NaN for a finite input is refused, unless it was asked for", async () => {
    await linear("nan", 1, Number.NaN, 3);
    await expect(publishing.publish("nan", 1)).rejects.toMatchObject({ code: "SELF_TEST_FAILED", message: expect.stringContaining('"y"') });
    expect(await publishing.served("nan")).toBeUndefined();
    const { manifest } = await publishing.publish("nan", 1, { allowNonFinite: true });
    expect((await publishing.manifest("nan", 1, manifest)).selfTest?.outputs["y"]).toMatchObject({ finite: false, samples: [] });
  });

  test("a model that takes no input that can be guessed is published without one, and that is said", async () => {
    const folder = publishing.folder("picky/1");
    await linear("picky", 1, 1, 1);
    const json = (await readFile(join(folder, "model.json"), "utf8")).replaceAll('"dim":[{"size":"-1"}]', '"dim":[{"size":"3"},{"size":"5"}]');
    // y = x a b with a of shape [2]: nothing broadcasts with [3, 5].
    await writeFile(join(folder, "model.json"), json.replace('{"name":"a","shape":[],"dtype":"float32"}', '{"name":"a","shape":[2],"dtype":"float32"}'));
    await writeFile(join(folder, "weights.bin"), new Uint8Array(12));
    const { manifest, notes } = await publishing.publish("picky", 1);
    expect((await publishing.manifest("picky", 1, manifest)).selfTest).toBeNull();
    expect(notes).toEqual([expect.stringContaining("no self-test")]);
  });
});

test("an aborted publish ends as cancelled and signs nothing", async () => {
  await linear("stop", 1, 1, 1);
  const controller = new AbortController();
  const published = publishing.publish("stop", 1, {}, { signal: controller.signal, onProgress: ({ phase }) => phase === "encode" && controller.abort() });
  await expect(published).rejects.toMatchObject({ code: "CANCELLED" });
  expect(await publishing.served("stop")).toBeUndefined();
  await rm(publishing.folder("stop"), { recursive: true });
});
