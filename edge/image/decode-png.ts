import { inflateSync } from "node:zlib";
import { convertIndexedToRgb, decode, type DecodedPng } from "fast-png";
import type { Pixels } from "../../protocol/image/pixels.ts";

/** What a decoder needs; the rest (text, profiles, times) is passed over. */
const NEEDED: ReadonlySet<string> = new Set(["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]);
const SIGNATURE_BYTES = 8;

/**
 * A PNG's pixels: any colour type and depth, 16 bits cut to the upper 8, as Pillow and TensorFlow do. Colour profiles and gamma are
 * not applied. It inflates to what its header promises, and no further.
 * @throws Error, saying what is wrong
 */
export function decodePng(bytes: Uint8Array): Pixels {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks = chunksOf(file).filter(({ name }) => NEEDED.has(name));
  const [header] = chunks;
  if (header?.name !== "IHDR" || header.data.length !== 13) throw new Error("it does not begin with its header");
  const depth = header.data[8] ?? 0;
  const isInterlaced = header.data[12] !== 0;
  if (isInterlaced && depth < 8) throw new Error(`it is interlaced with ${depth} bits a sample; save it without interlacing`);
  checkSize(chunks, header.data, isInterlaced);
  // Without the chunks that were left out: one of them might unpack to anything.
  const slim = Buffer.concat([file.subarray(0, SIGNATURE_BYTES), ...chunks.map(({ whole }) => whole)]);
  return toRgba(decode(slim, { checkCrc: true }));
}

interface Chunk {
  readonly name: string;
  readonly data: Buffer;
  /** With its length, name and checksum. */
  readonly whole: Buffer;
}

function chunksOf(file: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE_BYTES; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at);
    const end = at + 12 + length;
    if (end > file.length) break;
    const name = file.toString("latin1", at + 4, at + 8);
    chunks.push({ name, data: file.subarray(at + 8, end - 4), whole: file.subarray(at, end) });
    if (name === "IEND") return chunks;
    at = end;
  }
  throw new Error("it is cut short");
}

const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** Adam7: where each pass begins, and its steps. */
const PASSES = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]] as const;

/** The decoder unpacks whatever there is; so this looks first whether that is as much as the header says. */
function checkSize(chunks: readonly Chunk[], header: Buffer, isInterlaced: boolean): void {
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const bits = (header[8] ?? 0) * (CHANNELS[header[9] ?? -1] ?? 0);
  const size = (w: number, h: number): number => (w === 0 || h === 0 ? 0 : h * (1 + Math.ceil((w * bits) / 8)));
  const expected = isInterlaced
    ? PASSES.reduce((sum, [x, y, dx, dy]) => sum + size(Math.max(0, Math.ceil((width - x) / dx)), Math.max(0, Math.ceil((height - y) / dy))), 0)
    : size(width, height);
  const packed = Buffer.concat(chunks.filter(({ name }) => name === "IDAT").map(({ data }) => data));
  const length = inflatedLength(packed, expected);
  if (length !== expected) throw new Error(`it has ${length > expected ? "more than" : `${length} of`} ${expected} bytes of image data`);
}

/** At most one more than expected. */
function inflatedLength(packed: Buffer, expected: number): number {
  try {
    return inflateSync(packed, { maxOutputLength: expected + 1 }).length;
  } catch (thrown) {
    if (thrown instanceof RangeError) return expected + 1;
    throw thrown;
  }
}

function toRgba(png: DecodedPng): Pixels {
  const { width, height, depth, channels, palette, transparency } = png;
  const count = width * height;
  const data = new Uint8Array(count * 4).fill(255);
  if (palette !== undefined) {
    const colors = convertIndexedToRgb(png);
    const size = palette[0]?.length ?? 3;
    for (let pixel = 0; pixel < count; pixel++) for (let channel = 0; channel < size; channel++) data[pixel * 4 + channel] = colors[pixel * size + channel] ?? 0;
    return { width, height, data };
  }
  const samples = depth < 8 ? unpacked(png) : png.data;
  const key = transparency !== undefined && transparency.length === channels ? transparency : undefined;
  // An 8-bit value of each sample: the upper half of 16 bits, the whole range for fewer than 8.
  const to8 = (sample: number): number => (depth === 16 ? sample >> 8 : depth === 8 ? sample : (sample * 255) / (2 ** depth - 1));
  const colors = channels < 3 ? 1 : 3;
  for (let pixel = 0; pixel < count; pixel++) {
    const at = pixel * channels;
    for (let channel = 0; channel < 3; channel++) data[pixel * 4 + channel] = to8(samples[at + Math.min(channel, colors - 1)] ?? 0);
    if (channels > colors) data[pixel * 4 + 3] = to8(samples[at + colors] ?? 0);
    else if (key?.every((sample, channel) => sample === samples[at + channel]) === true) data[pixel * 4 + 3] = 0;
  }
  return { width, height, data };
}

/** One sample of fewer than 8 bits each, of rows that begin at whole bytes. */
function unpacked({ width, height, depth, data }: DecodedPng): Uint8Array {
  const samples = new Uint8Array(width * height);
  const rowBytes = Math.ceil((width * depth) / 8);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      samples[y * width + x] = ((data[y * rowBytes + (bit >> 3)] ?? 0) >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
    }
  }
  return samples;
}
