import "@tensorflow/tfjs-backend-cpu";
import { enableProdMode, io, memory, setBackend } from "@tensorflow/tfjs-core";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { decodeWeights } from "../../../engine/weights.ts";
import type { IndexedTensor } from "../../../protocol/tensor-index.ts";

type Quantization = NonNullable<IndexedTensor["quantization"]>;

beforeAll(async () => {
  enableProdMode();
  await setBackend("cpu");
});

function entry(dtype: IndexedTensor["dtype"], shape: number[], size: number, quantization?: Quantization): IndexedTensor {
  return { name: "w", dtype, shape, shard: 0, offset: 0, size, ...(quantization && { quantization }) };
}

const bytesOf = (view: ArrayBufferView): Uint8Array<ArrayBuffer> => new Uint8Array(new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength));
const strings = (...texts: string[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(texts.flatMap((text) => [...bytesOf(Uint32Array.of(Buffer.byteLength(text))), ...Buffer.from(text)]));
const noise = (length: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length }, (_, i) => (i * 167 + 13) % 256);

/** What TF.js itself makes of the same bytes. */
function plain({ name, dtype, shape, quantization }: IndexedTensor, bytes: Uint8Array<ArrayBuffer>) {
  const spec = { name, dtype, shape, ...(quantization && { quantization }) } as io.WeightsManifestEntry;
  return io.decodeWeights(bytes.slice().buffer, [spec])["w"];
}

const CASES: readonly [string, IndexedTensor, Uint8Array<ArrayBuffer>][] = [
  ["float32", entry("float32", [2, 3], 24), bytesOf(Float32Array.of(1, -2, 3.5, 0, 1e-40, Infinity))],
  ["int32", entry("int32", [3], 12), bytesOf(Int32Array.of(1, -2, 2 ** 31 - 1))],
  ["bool", entry("bool", [4], 4), Uint8Array.of(1, 0, 1, 1)],
  ["a scalar", entry("float32", [], 4), bytesOf(Float32Array.of(7))],
  ["nothing", entry("float32", [0, 4], 0), new Uint8Array()],
  ["strings", entry("string", [3], 12 + 5), strings("abc", "", "é")],
  ["complex64", entry("complex64", [2], 16), bytesOf(Float32Array.of(1, 2, 3, 4))],
  ["float32 as uint8", entry("float32", [256], 256, { dtype: "uint8", scale: 0.013, min: -1.7 }), Uint8Array.from({ length: 256 }, (_, i) => i)],
  ["float32 as uint16", entry("float32", [50], 100, { dtype: "uint16", scale: 1e-4, min: -3 }), noise(100)],
  ["int32 as uint8", entry("int32", [256], 256, { dtype: "uint8", scale: 0.7, min: -50 }), Uint8Array.from({ length: 256 }, (_, i) => i)],
  ["int32 as uint16", entry("int32", [50], 100, { dtype: "uint16", scale: 2, min: -9 }), noise(100)],
  ["float32 as float16, all of them", entry("float32", [65_536], 131_072, { dtype: "float16" }), bytesOf(Uint16Array.from({ length: 65_536 }, (_, i) => i))],
];

describe("weights", () => {
  let before = 0;
  beforeEach(() => {
    before = memory().numTensors;
  });

  test.each(CASES)("%s are what TF.js makes of them", (_, tensor, bytes) => {
    const ours = decodeWeights([tensor], [bytes.slice()])["w"];
    const theirs = plain(tensor, bytes);
    expect(ours?.dtype).toBe(theirs?.dtype);
    expect(ours?.shape).toEqual(theirs?.shape);
    expect(ours?.dataSync()).toEqual(theirs?.dataSync());
    ours?.dispose();
    theirs?.dispose();
  });

  test.each(CASES)("%s cut into shards of 7 bytes, from an odd offset, are the same", (_, tensor, bytes) => {
    if (bytes.byteLength > 1000) return;
    const padded = new Uint8Array([99, ...bytes]);
    const shards: (Uint8Array<ArrayBuffer> | undefined)[] = [];
    for (let at = 0; at < padded.length; at += 7) shards.push(padded.slice(at, at + 7));
    const ours = decodeWeights([{ ...tensor, offset: 1 }], shards)["w"];
    const theirs = plain(tensor, bytes);
    expect(ours?.dataSync()).toEqual(theirs?.dataSync());
    if (bytes.byteLength > 0) expect(shards.every((shard) => shard === undefined)).toBe(true);
    ours?.dispose();
    theirs?.dispose();
  });

  test("a shard is let go after its last tensor, not before", () => {
    const tensor = (name: string, shard: number, offset: number): IndexedTensor => ({ name, dtype: "float32", shape: [1], shard, offset, size: 4 });
    const shards: (Uint8Array<ArrayBuffer> | undefined)[] = [bytesOf(Float32Array.of(1, 2)), bytesOf(Float32Array.of(3))];
    const weights = decodeWeights([tensor("a", 0, 0), tensor("c", 1, 0), tensor("b", 0, 4)], shards);
    expect(["a", "b", "c"].map((name) => weights[name]?.dataSync()[0])).toEqual([1, 2, 3]);
    expect(shards).toEqual([undefined, undefined]);
    for (const weight of Object.values(weights)) weight.dispose();
  });

  test.each<[string, IndexedTensor, Uint8Array<ArrayBuffer>, RegExp]>([
    ["a size that is not its shape's", entry("float32", [3], 8), new Uint8Array(8), /w .*8 bytes.*12/],
    ["strings that end too early", entry("string", [2], 7), strings("abc"), /string 1/],
    ["a string longer than what is left", entry("string", [1], 5), Uint8Array.of(9, 0, 0, 0, 1), /inside its string 0/],
    ["more bytes than strings", entry("string", [1], 7), new Uint8Array([...strings("ab"), 0]), /1 bytes more/],
    ["quantised without a scale", entry("float32", [1], 1, { dtype: "uint8" }), new Uint8Array(1), /scale/],
    ["an integer as float16", entry("int32", [1], 2, { dtype: "float16" }), new Uint8Array(2), /float16/],
    ["quantised bools", entry("bool", [1], 1, { dtype: "uint8", scale: 1, min: 0 }), new Uint8Array(1), /bool/],
    ["bytes outside the shards", entry("float32", [2], 8), new Uint8Array(4), /outside/],
  ])("%s are refused, and nothing is left behind", (_, tensor, bytes, message) => {
    const good: IndexedTensor = { ...entry("bool", [1], 1), name: "good" };
    expect(() => decodeWeights([good, tensor], [bytes])).toThrow(expect.objectContaining({ code: "MODEL_MALFORMED", message: expect.stringMatching(message) }));
    expect(memory().numTensors).toBe(before);
  });
});
