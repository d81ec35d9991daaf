import { decode } from "jpeg-js";
import { LIMITS } from "../../protocol/limits.ts";
import type { Pixels } from "../../protocol/image/pixels.ts";
import { readJpegMarkers } from "./jpeg-markers.ts";
import { oriented } from "./orient.ts";
import { upsampled } from "./upsample.ts";

/** What the decoder may hold of an image of LIMITS.imagePixels: coefficients, samples and values at once. */
const DECODER_MIB = (LIMITS.imagePixels / 2 ** 20) * 32;

/**
 * A JPEG's pixels, baseline or progressive, gray or colour, the way up that EXIF says. Chroma is enlarged and made red, green
 * and blue as libjpeg does it, which the decoder itself does more coarsely (up to 37 of 255 from libjpeg's, 3 so).
 * Colour profiles are not applied.
 * @throws Error, saying what is wrong
 */
export function decodeJpeg(bytes: Uint8Array): Pixels {
  const file = Buffer.from(bytes);
  const { sampling, isYcc, orientation, adobeTransform } = readJpegMarkers(file);
  // Else the decoder would go by it whatever it is told.
  if (adobeTransform !== undefined) file[adobeTransform] = 0;
  const { width, height, data } = decode(file, { useTArray: true, formatAsRGBA: false, colorTransform: false, maxResolutionInMP: LIMITS.imagePixels / 1e6 + 1, maxMemoryUsageInMB: DECODER_MIB });
  const planes = sampling.map((_, component) => fullPlane(data, width, height, component, sampling));
  return oriented({ width, height, data: toRgba(planes, width * height, isYcc) }, orientation);
}

/** One component of the interleaved samples, where the decoder only repeated what was sampled more coarsely. */
function fullPlane(samples: Uint8Array, width: number, height: number, component: number, sampling: readonly (readonly [number, number])[]): Uint8Array {
  const most = (axis: 0 | 1): number => Math.max(...sampling.map((factors) => factors[axis]));
  const [own = [1, 1]] = [sampling[component]];
  const h = most(0) / own[0];
  const v = most(1) / own[1];
  // As libjpeg, which repeats other ratios, and planes of two columns.
  const isHalved = (h === 1 || (h === 2 && width > 4)) && (v === 1 || v === 2);
  const [stepX, stepY] = isHalved ? [h, v] : [1, 1];
  const narrow = Math.ceil(width / stepX);
  const plane = new Uint8Array(narrow * Math.ceil(height / stepY));
  for (let at = 0, y = 0; y < height; y += stepY) {
    for (let x = 0; x < width; x += stepX) plane[at++] = samples[(y * width + x) * 3 + component] ?? 0;
  }
  return isHalved ? upsampled(plane, width, height, [h, v]) : plane;
}

/** ITU-R BT.601 in 16 bits of fraction, as libjpeg rounds it (jdcolor.c). */
function toRgba([first, second, third]: readonly Uint8Array[], count: number, isYcc: boolean): Uint8ClampedArray {
  const data = new Uint8ClampedArray(count * 4).fill(255);
  for (let pixel = 0, at = 0; pixel < count; pixel++, at += 4) {
    const luma = first?.[pixel] ?? 0;
    if (second === undefined || third === undefined) {
      data.fill(luma, at, at + 3);
      continue;
    }
    const blue = (second[pixel] ?? 0) - (isYcc ? 128 : 0);
    const red = (third[pixel] ?? 0) - (isYcc ? 128 : 0);
    data[at] = isYcc ? luma + ((91881 * red + 32768) >> 16) : luma;
    data[at + 1] = isYcc ? luma + ((-22554 * blue - 46802 * red + 32768) >> 16) : blue;
    data[at + 2] = isYcc ? luma + ((116130 * blue + 32768) >> 16) : red;
  }
  return data;
}
