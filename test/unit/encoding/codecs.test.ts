import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { digest, digestOf, type Digest } from "../../../protocol/digest.ts";
import { canDecode, decode, planes, unplanes } from "../../../protocol/encoding/index.ts";
import type { Encoding } from "../../../protocol/manifest.ts";
import { mulberry32 } from "../../../protocol/self-test.ts";
import { encodeBlob } from "../../../sync-server/publish/encode.ts";

const random = mulberry32(7);
const noise = (size: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length: size }, () => Math.floor(random() * 256));
const weights = (count: number): Uint8Array<ArrayBuffer> => new Uint8Array(Float32Array.from({ length: count }, () => (random() - 0.5) / 8).buffer);
const SOME = digest(`sha256:${"0".repeat(64)}`);
const gzip = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(bytes));
const encoding = (codec: string, more: Partial<Encoding> = {}): Encoding => ({ codec, digest: SOME, size: 0, ...more });

describe("byte planes", () => {
  test("bytes of equal significance lie side by side, and what is left over at the end", () => {
    expect([...planes(Uint8Array.of(1, 2, 3, 4, 11, 12, 13, 14, 99), 4)]).toEqual([1, 11, 2, 12, 3, 13, 4, 14, 99]);
    expect([...planes(Uint8Array.of(1, 2, 11, 12, 21, 22, 99), 2)]).toEqual([1, 11, 21, 2, 12, 22, 99]);
  });

  test.each([1, 2, 3, 4, 8, 16])("width %i comes back from any length and any place in a buffer", (width) => {
    for (let size = 0; size < 3 * width + 2; size++) {
      for (const start of [0, 1, 2, 4]) {
        const bytes = noise(size + start).subarray(start);
        expect([...unplanes(planes(bytes, width), width)]).toEqual([...bytes]);
      }
    }
  });
});

describe("decoding", () => {
  test.each([1, 2, 4])("every encoding of a blob gives its bytes again (width %i)", async (width) => {
    const bytes = weights(5000);
    const { blob, contents } = await encodeBlob(bytes, "test", width);
    expect(blob.encodings.at(-1)?.codec).toBe("identity");
    for (const one of blob.encodings) {
      const encoded = contents.get(one.digest);
      expect(encoded?.byteLength).toBe(one.size);
      const decoded = await decode(one, encoded ?? new Uint8Array(), blob.size);
      expect(await digestOf(decoded)).toBe(blob.digest);
    }
  });

  test("a stream that expands beyond its size is stopped there", async () => {
    const bomb = gzip(new Uint8Array(64 * 1024 * 1024));
    const before = process.memoryUsage().arrayBuffers;
    await expect(decode(encoding("gzip"), bomb, 1000)).rejects.toMatchObject({ code: "ENCODING_INVALID" });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  });

  const content = noise(100_000);
  const whole = gzip(content);
  const flipped = whole.slice();
  flipped.set([(flipped.at(-6) ?? 0) ^ 1], flipped.length - 6);
  test.each([
    ["a stream one byte longer than it should be", gzip(content), content.length - 1],
    ["a stream one byte shorter than it should be", gzip(content), content.length + 1],
    ["a stream that was cut", whole.subarray(0, 50_000), content.length],
    ["a stream with a wrong check sum", flipped, content.length],
    ["no gzip at all", noise(100), 100],
    ["nothing", new Uint8Array(), 100],
  ])("%s is refused", async (_, encoded, size) => {
    await expect(decode(encoding("gzip"), encoded, size)).rejects.toMatchObject({ code: "ENCODING_INVALID" });
    await expect(decode(encoding("planes+gzip", { width: 4 }), encoded, size)).rejects.toMatchObject({ code: "ENCODING_INVALID" });
  });

  test("an identity of another size is refused", async () => {
    await expect(decode(encoding("identity"), noise(10), 11)).rejects.toMatchObject({ code: "ENCODING_INVALID" });
  });

  test("an empty blob comes back empty", async () => {
    expect((await decode(encoding("gzip"), gzip(new Uint8Array()), 0)).byteLength).toBe(0);
  });

  test("planes without a width are refused", async () => {
    await expect(decode(encoding("planes+gzip"), whole, content.length)).rejects.toMatchObject({ code: "ENCODING_INVALID" });
  });

  test("an aborted signal ends it as cancelled", async () => {
    await expect(decode(encoding("gzip"), whole, content.length, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("choosing", () => {
  const holds = (held: readonly Digest[]) => (base: Digest) => held.includes(base);

  test("a codec of a later version is passed over, not an error", () => {
    expect(canDecode(encoding("zstd"), holds([]))).toBe(false);
  });

  test("an encoding against a base needs the base", () => {
    expect(canDecode(encoding("gzip", { base: SOME }), holds([]))).toBe(false);
    expect(canDecode(encoding("gzip", { base: SOME }), holds([SOME]))).toBe(true);
  });
});

describe("encoding", () => {
  test("what does not compress travels as it is, and only so", async () => {
    const { blob } = await encodeBlob(noise(10_000), "test", 4);
    expect(blob.encodings.map(({ codec }) => codec)).toEqual(["identity"]);
  });

  test("float weights travel in planes, a tenth smaller", async () => {
    const { blob } = await encodeBlob(weights(50_000), "test", 4);
    expect(blob.encodings.map(({ codec }) => codec)).toEqual(["planes+gzip", "identity"]);
    expect(blob.encodings[0]?.size).toBeLessThan(0.9 * blob.size);
  });

  test("the same bytes give the same encodings: a gzip header names neither time nor operating system", async () => {
    const bytes = weights(1000);
    const { blob, contents } = await encodeBlob(bytes, "test", 4);
    expect(blob).toEqual((await encodeBlob(bytes.slice(), "test", 4)).blob);
    const stream = contents.get(blob.encodings[0]?.digest ?? blob.digest);
    expect([...(stream ?? []).slice(4, 10)]).toEqual([0, 0, 0, 0, 2, 255]);
  });
});
