import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

/** Pixels of a side. */
export const SIDE = 28;
export const PIXELS = SIDE * SIDE;

const IMAGES = "t10k-images-idx3-ubyte.gz";
const LABELS = "t10k-labels-idx1-ubyte.gz";
/** The first of these train, the rest judge and are never trained on. */
const TRAINED_ON = 8000;

export interface Digits {
  readonly count: number;
  /** Row by row, PIXELS an image, ink 0..255. */
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

export interface Mnist {
  readonly train: Digits;
  readonly test: Digits;
}

export function hasMnist(folder: string): boolean {
  return existsSync(join(folder, IMAGES)) && existsSync(join(folder, LABELS));
}

/** Reads the 10,000 digits of MNIST's test set. @throws Error where they are absent or not what they should be */
export async function readMnist(folder: string): Promise<Mnist> {
  if (!hasMnist(folder)) {
    throw new Error(`There is no MNIST in ${folder}: put ${IMAGES} and ${LABELS} there (MNIST's test set), or name another folder.`);
  }
  const images = await readIdx(join(folder, IMAGES), 0x803);
  const labels = await readIdx(join(folder, LABELS), 0x801);
  const count = labels.length;
  if (images.length !== count * PIXELS || count <= TRAINED_ON) {
    throw new Error(`${folder} holds ${count} labels for ${images.length / PIXELS} images; more than ${TRAINED_ON} of each are needed.`);
  }
  const part = (from: number, to: number): Digits => ({
    count: to - from,
    images: images.subarray(from * PIXELS, to * PIXELS),
    labels: labels.subarray(from, to),
  });
  return { train: part(0, TRAINED_ON), test: part(TRAINED_ON, count) };
}

/** The elements of an idx file of bytes: a magic number (type and rank), a size for each axis, then the elements. */
async function readIdx(file: string, magic: number): Promise<Uint8Array> {
  const bytes = await promisify(gunzip)(await readFile(file));
  if (bytes.length < 4 || bytes.readUInt32BE(0) !== magic) throw new Error(`${file} is not the idx file that it should be.`);
  const rank = magic & 0xff;
  return bytes.subarray(4 + 4 * rank);
}
