import type { Preprocess } from "../preprocess.ts";
import type { Pixels } from "./pixels.ts";
import { tapsOf } from "./taps.ts";

/** Height and width of what an image becomes. */
export type OutputSize = readonly [height: number, width: number];

export function outputSize({ size }: Preprocess, { width, height }: Pixels): OutputSize {
  return size ?? [height, width];
}

/** A part of an axis: from, to. */
type Span = readonly [number, number];

/**
 * One image as a graph takes it, written to `into` from `at` on: as many values as height times width times channels, in the
 * order of `layout`. It is Pillow's arithmetic in its float mode (each channel resized as mode "F", columns before rows); alpha
 * and gray are rounded to 8 bits before, as Pillow's own are.
 */
export function preprocessImage(image: Pixels, how: Preprocess, into: Float32Array, at: number, size: OutputSize): void {
  const planes = how.channels === "gray" ? 1 : 3;
  const [height, width] = size;
  const { sources, targets } = framed(image, how, size);
  const [[top, bottom], [left, right]] = targets;
  const columns = tapsOf(how.resize, image.width, ...sources[1], right - left);
  const rows = tapsOf(how.resize, image.height, ...sources[0], bottom - top);
  const firstRow = rows.firsts[0] ?? 0;
  const lastRow = (rows.firsts.at(-1) ?? 0) + (rows.counts.at(-1) ?? 0);

  const narrow = right - left;
  const band = new Float32Array((lastRow - firstRow) * planes * narrow);
  const line = new Float32Array(planes * image.width);
  for (let row = firstRow; row < lastRow; row++) {
    readLine(image, row, how, line);
    for (let plane = 0; plane < planes; plane++) {
      const base = ((row - firstRow) * planes + plane) * narrow;
      for (let x = 0; x < narrow; x++) {
        const from = plane * image.width + (columns.firsts[x] ?? 0);
        const weights = x * columns.stride;
        const count = columns.counts[x] ?? 0;
        let sum = 0;
        for (let tap = 0; tap < count; tap++) sum += (line[from + tap] ?? 0) * (columns.weights[weights + tap] ?? 0);
        band[base + x] = sum;
      }
    }
  }

  const isPlanar = how.layout === "nchw";
  const step = isPlanar ? 1 : planes;
  const sums = new Float64Array(narrow);
  for (let channel = 0; channel < planes; channel++) {
    const { scale } = how;
    const mean = how.mean[channel] ?? 0;
    const std = how.std[channel] ?? 1;
    const plane = how.channels === "bgr" ? 2 - channel : channel;
    const start = at + (isPlanar ? channel * height * width : channel);
    if (narrow < width || bottom - top < height) {
      const value = ((planes === 1 ? grayOf(...how.background) : (how.background[plane] ?? 0)) * scale - mean) / std;
      for (let place = 0; place < height * width; place++) into[start + place * step] = value;
    }
    for (let y = top; y < bottom; y++) {
      const weights = (y - top) * rows.stride;
      const count = rows.counts[y - top] ?? 0;
      sums.fill(0);
      for (let tap = 0; tap < count; tap++) {
        const weight = rows.weights[weights + tap] ?? 0;
        const base = (((rows.firsts[y - top] ?? 0) + tap - firstRow) * planes + plane) * narrow;
        for (let x = 0; x < narrow; x++) sums[x] = (sums[x] ?? 0) + weight * (band[base + x] ?? 0);
      }
      for (let x = 0; x < narrow; x++) into[start + (y * width + left + x) * step] = ((sums[x] ?? 0) * scale - mean) / std;
    }
  }
}

/** Which part of the image goes to which part of the output, rows and columns: Pillow's `resize`, `ImageOps.fit` and `ImageOps.pad`. */
function framed(image: Pixels, { fit, centralFraction }: Preprocess, [height, width]: OutputSize): { readonly sources: readonly [Span, Span]; readonly targets: readonly [Span, Span] } {
  let tall = image.height * centralFraction;
  let wide = image.width * centralFraction;
  let [high, broad] = [height, width];
  if (fit === "crop") [tall, wide] = [Math.min(tall, (wide * height) / width), Math.min(wide, (tall * width) / height)];
  else if (fit === "pad") {
    high = Math.max(1, Math.min(height, roundHalfToEven((tall / wide) * width)));
    broad = Math.max(1, Math.min(width, roundHalfToEven((wide / tall) * height)));
  }
  return { sources: [middle(image.height, tall), middle(image.width, wide)], targets: [placed(height, high), placed(width, broad)] };
}

/** In float32, as Pillow takes the box of `resize`. */
function middle(size: number, part: number): Span {
  return [Math.fround((size - part) / 2), Math.fround((size + part) / 2)];
}

function placed(size: number, part: number): Span {
  const start = roundHalfToEven((size - part) / 2);
  return [start, start + part];
}

/** Python's `round`. */
function roundHalfToEven(x: number): number {
  const low = Math.floor(x);
  return x - low > 0.5 || (x - low === 0.5 && low % 2 === 1) ? low + 1 : low;
}

/** One row of the image, channel after channel, over the background. */
function readLine({ data, width }: Pixels, row: number, { channels, background }: Preprocess, line: Float32Array): void {
  const [under0, under1, under2] = background;
  for (let x = 0, at = row * width * 4; x < width; x++, at += 4) {
    const alpha = data[at + 3] ?? 0;
    let red = data[at] ?? 0;
    let green = data[at + 1] ?? 0;
    let blue = data[at + 2] ?? 0;
    if (alpha < 255) {
      red = Math.round((red * alpha + under0 * (255 - alpha)) / 255);
      green = Math.round((green * alpha + under1 * (255 - alpha)) / 255);
      blue = Math.round((blue * alpha + under2 * (255 - alpha)) / 255);
    }
    if (channels === "gray") line[x] = grayOf(red, green, blue);
    else {
      line[x] = red;
      line[width + x] = green;
      line[2 * width + x] = blue;
    }
  }
}

/** Luma as Pillow's `convert("L")` computes it (ITU-R 601-2). */
function grayOf(red: number, green: number, blue: number): number {
  return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
}
