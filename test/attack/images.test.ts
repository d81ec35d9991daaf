import { crc32, deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { prepareImage } from "../../edge/image/prepare-image.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Preprocess } from "../../protocol/preprocess.ts";
import { mulberry32 } from "../../protocol/self-test.ts";
import { imageFile } from "../support/image-vectors.ts";

/** Images that a stranger sends to an edge: little to carry, much to unpack, or not what they say. */

const HOW: Preprocess = { size: [8, 8], resize: "pillow-bilinear", fit: "stretch", centralFraction: 1, background: [0, 0, 0], channels: "rgb", scale: 1, mean: [0, 0, 0], std: [1, 1, 1], layout: "nhwc" };

function chunk(name: string, data: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

function png(width: number, height: number, ...chunks: readonly Buffer[]): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header), ...chunks, chunk("IEND", Buffer.alloc(0))]);
}

function refusal(bytes: Uint8Array): string {
  try {
    prepareImage(bytes, HOW);
    return "taken";
  } catch (thrown) {
    return thrown instanceof AshoreError ? `${thrown.code} ${thrown.message}` : `not ours: ${String(thrown)}`;
  }
}

/** How much more memory outside of the heap's objects is in use after than before, at most, in MB. */
function grown(run: () => void): number {
  const before = process.memoryUsage();
  run();
  const after = process.memoryUsage();
  return (after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed) / 1e6;
}

const zeros = deflateSync(Buffer.alloc(300_000_000));
const image = chunk("IDAT", deflateSync(Buffer.alloc(10 * 31)));

describe("a small file that unpacks to much", () => {
  test("in a PNG's data ends at the size that its header says", () => {
    let said = "";
    expect(grown(() => (said = refusal(png(10, 10, chunk("IDAT", zeros)))))).toBeLessThan(50);
    expect(said).toMatch(/^INVALID_ARGUMENT .*cannot be decoded/);
  });

  test("in a part of a PNG that is not needed is never unpacked", () => {
    const profile = chunk("iCCP", Buffer.concat([Buffer.from("p\0\0", "latin1"), zeros]));
    let said = "";
    expect(grown(() => (said = refusal(png(10, 10, profile, image))))).toBeLessThan(50);
    expect(said).toBe("taken");
  });

  test.each<[string, number, number]>([
    ["many pixels", 6_000, 6_000],
    ["the most that a header can say", 0x7fffffff, 0x7fffffff],
    ["a very long side", LIMITS.imageSide + 1, 1],
  ])("with %s is refused by its header", (_, width, height) => {
    expect(refusal(png(width, height, image))).toMatch(/^LIMIT_EXCEEDED/);
  });
});

describe("an image that is not what it says", () => {
  test.each<[string, Uint8Array, RegExp]>([
    ["nothing", new Uint8Array(), /neither a JPEG .* nor a PNG/],
    ["two bytes of a JPEG", Uint8Array.of(0xff, 0xd8), /neither/],
    ["a JPEG of segments of no length", Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 0, 0xff, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0), /neither/],
    ["no pixels", png(0, 10, image), /neither/],
    ["a PNG without its data", png(10, 10), /cannot be decoded/],
    ["less data than pixels", png(10, 11, image), /it has 310 of 341 bytes/],
    ["more data than pixels", png(10, 9, image), /it has more than 279 bytes/],
    ["a chunk beyond the end", Buffer.concat([png(10, 10, image).subarray(0, 33), Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x49, 0x44, 0x41, 0x54])]), /cut short/],
  ])("%s", (_, bytes, message) => {
    expect(refusal(bytes)).toMatch(/^INVALID_ARGUMENT/);
    expect(refusal(bytes)).toMatch(message);
  });

  test("a damaged PNG never passes for another image", () => {
    const whole = imageFile("picture.png");
    const data = Buffer.from(whole).indexOf("IDAT") + 4;
    for (let at = data; at < whole.length - 12; at += 97) {
      const damaged = whole.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      expect(refusal(damaged), `byte ${at}`).toMatch(/^INVALID_ARGUMENT/);
    }
  });
});

test("of a JPEG or PNG with any of its bytes changed, or cut, comes an image or our error, in time", () => {
  const random = mulberry32(11);
  const began = performance.now();
  const kinds = new Set<string>();
  for (const file of ["420.jpg", "progressive.jpg", "turned.jpg", "gray.jpg", "interlaced.png", "palette.png", "gray1.png"]) {
    for (let round = 0; round < 60; round++) {
      const bytes = imageFile(file);
      for (let change = 0; change < 1 + random() * 4; change++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const said = refusal(random() < 0.2 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes);
      expect(said).toMatch(/^(taken|INVALID_ARGUMENT|LIMIT_EXCEEDED)/);
      kinds.add(said.split(" ", 1)[0] ?? "");
    }
  }
  expect([...kinds].sort()).toEqual(expect.arrayContaining(["INVALID_ARGUMENT", "taken"]));
  expect(performance.now() - began).toBeLessThan(30_000);
});
