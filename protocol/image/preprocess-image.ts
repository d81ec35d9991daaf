import { AshoreError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { Preprocess } from "../preprocess.ts";
import type { Pixels } from "./pixels.ts";
import { tapsOf, type Taps } from "./taps.ts";

/** An image as a graph takes it: height times width times channels values, in the order of `layout`. */
export interface PreparedImage {
  readonly height: number;
  readonly width: number;
  readonly values: Float32Array<ArrayBuffer>;
}

/** A part of an axis: from, to. */
type Span = readonly [number, number];

/**
 * It is Pillow's arithmetic in its float mode (each channel resized as mode "F", columns before rows); alpha and gray are rounded
 * to 8 bits before, as Pillow's own are.
 * @throws LIMIT_EXCEEDED for more than LIMITS.imageElements values
 */
export function preprocessImage(image: Pixels, how: Preprocess): PreparedImage {
  const planes = how.channels === "gray" ? 1 : 3;
  const [height, width] = how.size ?? [image.height, image.width];
  if (height * width * planes > LIMITS.imageElements) throw new AshoreError("LIMIT_EXCEEDED", `An image of ${width} x ${height} pixels becomes more than the ${LIMITS.imageElements} values that are taken; make it smaller.`);
  const { sources, targets } = framed(image, how, height, width);
  const [[top, bottom], [left, right]] = targets;
  const narrow = right - left;
  const resized = resize(image, how, tapsOf(how.resize, image.height, ...sources[0], bottom - top), tapsOf(how.resize, image.width, ...sources[1], narrow), planes);

  const values = new Float32Array(height * width * planes);
  const isPlanar = how.layout === "nchw";
  const step = isPlanar ? 1 : planes;
  for (let channel = 0; channel < planes; channel++) {
    const { scale } = how;
    const mean = how.mean[channel] ?? 0;
    const std = how.std[channel] ?? 1;
    const plane = how.channels === "bgr" ? 2 - channel : channel;
    const start = isPlanar ? channel * height * width : channel;
    if (narrow < width || bottom - top < height) {
      const value = ((planes === 1 ? grayOf(...how.background) : (how.background[plane] ?? 0)) * scale - mean) / std;
      for (let place = 0; place < height * width; place++) values[start + place * step] = value;
    }
    for (let y = top; y < bottom; y++) {
      const from = ((y - top) * planes + plane) * narrow;
      const to = start + (y * width + left) * step;
      for (let x = 0; x < narrow; x++) values[to + x * step] = ((resized[from + x] ?? 0) * scale - mean) / std;
    }
  }
  return { height, width, values };
}

/** Row by row, and in each channel by channel. Each row of the image is read once, and kept no longer. */
function resize(image: Pixels, how: Preprocess, rows: Taps, columns: Taps, planes: number): Float64Array {
  const tall = rows.firsts.length;
  const narrow = columns.firsts.length;
  const resized = new Float64Array(tall * planes * narrow);
  const line = new Float32Array(planes * image.width);
  const short = new Float32Array(planes * narrow);
  for (let row = 0, oldest = 0; oldest < tall; row++) {
    if (row < (rows.firsts[oldest] ?? 0)) continue;
    readLine(image, row, how, line);
    for (let place = 0; place < short.length; place++) {
      const x = place % narrow;
      const from = ((place - x) / narrow) * image.width + (columns.firsts[x] ?? 0);
      const count = columns.counts[x] ?? 0;
      let sum = 0;
      for (let tap = 0; tap < count; tap++) sum += (line[from + tap] ?? 0) * (columns.weights[x * columns.stride + tap] ?? 0);
      short[place] = sum;
    }
    for (let y = oldest; y < tall && (rows.firsts[y] ?? 0) <= row; y++) {
      const weight = rows.weights[y * rows.stride + row - (rows.firsts[y] ?? 0)] ?? 0;
      const base = y * short.length;
      for (let place = 0; place < short.length; place++) resized[base + place] = (resized[base + place] ?? 0) + weight * (short[place] ?? 0);
    }
    while (oldest < tall && (rows.firsts[oldest] ?? 0) + (rows.counts[oldest] ?? 0) <= row + 1) oldest++;
  }
  return resized;
}

/** Which part of the image goes to which part of the output, rows and columns: Pillow's `resize`, `ImageOps.fit` and `ImageOps.pad`. */
function framed(image: Pixels, { fit, centralFraction }: Preprocess, height: number, width: number): { readonly sources: readonly [Span, Span]; readonly targets: readonly [Span, Span] } {
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
