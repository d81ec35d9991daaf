import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Pixels } from "../../protocol/image/pixels.ts";
import type { Preprocess } from "../../protocol/preprocess.ts";
import { ROOT } from "./root.ts";

/** The images of test/support/images, and what Pillow and NumPy make of them (`make.py` there). */

const FOLDER = join(ROOT, "test/support/images");

interface ExpectedCase {
  readonly file: string;
  readonly preprocess: Preprocess;
  readonly values: string;
}

interface Expected {
  readonly pixels: Readonly<Record<string, { readonly width: number; readonly height: number; readonly data: string }>>;
  readonly cases: readonly ExpectedCase[];
  readonly photos: readonly ExpectedCase[];
}
const expected = JSON.parse(readFileSync(join(FOLDER, "expected.json"), "utf8")) as Expected;

export function imageFile(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(FOLDER, name)));
}

/** By name, what a decoder must give, exactly. */
export const PIXELS: readonly (readonly [file: string, pixels: Pixels])[] = Object.entries(expected.pixels).map(([file, { width, height, data }]) => [file, { width, height, data: new Uint8Array(Buffer.from(data, "base64")) }]);

export interface ImageCase {
  readonly name: string;
  readonly file: string;
  readonly preprocess: Preprocess;
  readonly values: Float32Array<ArrayBuffer>;
  /** How far off a value may be. */
  readonly tolerance: number;
}

export const IMAGE_CASES: readonly ImageCase[] = expected.cases.map(readCase);

const PHOTOS = join(ROOT, "../shared/data/images");
export const hasPhotos = existsSync(PHOTOS);

/** The same of photographs that are not in the repository. */
export const PHOTO_CASES: readonly ImageCase[] = expected.photos.map(readCase);

export function photoFile(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(PHOTOS, name)));
}

function readCase({ file, preprocess, values }: ExpectedCase, index: number): ImageCase {
  const { resize, fit, channels, layout, size = [0, 0], scale, std } = preprocess;
  // 1e-3 of what 0 to 255 became; decoders of JPEG may differ by 2 of 255.
  const unit = (255 * scale) / Math.min(...std);
  return {
    name: `${index} ${file} ${resize} ${fit} ${channels} ${layout} ${size.join("x")}`,
    file,
    preprocess,
    values: new Float32Array(new Uint8Array(Buffer.from(values, "base64")).buffer),
    tolerance: (file.endsWith(".jpg") ? 2 / 255 : 1e-3) * unit,
  };
}

/** The largest difference between two lists of one length; NaN where they are not. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return NaN;
  let most = 0;
  for (let at = 0; at < a.length; at++) most = Math.max(most, Math.abs((a[at] ?? NaN) - (b[at] ?? NaN)));
  return most;
}
