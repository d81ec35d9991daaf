import { describe, expect, test } from "vitest";
import { decodeJpeg } from "../../../edge/image/decode-jpeg.ts";
import { decodePng } from "../../../edge/image/decode-png.ts";
import { preprocessImage } from "../../../protocol/image/preprocess-image.ts";
import { hasPhotos, IMAGE_CASES, imageFile, largestDifference, photoFile, PHOTO_CASES, PIXELS } from "../../support/image-vectors.ts";

describe("a PNG is decoded exactly", () => {
  test.each(PIXELS)("%s", (file, pixels) => {
    const { width, height, data } = decodePng(imageFile(file));
    expect([width, height, Array.from(data)]).toEqual([pixels.width, pixels.height, Array.from(pixels.data)]);
  });
});

describe("an image becomes what Pillow and NumPy make of it", () => {
  test.each(IMAGE_CASES)("$name", ({ file, preprocess, values, tolerance }) => {
    const bytes = imageFile(file);
    const { height, width, values: got } = preprocessImage(file.endsWith(".jpg") ? decodeJpeg(bytes) : decodePng(bytes), preprocess);
    expect([height, width]).toEqual(preprocess.size);
    expect(largestDifference(got, values)).toBeLessThanOrEqual(tolerance);
  });
});

describe.skipIf(!hasPhotos)("so do photographs (skipped where ../shared has none)", () => {
  test.each(PHOTO_CASES)("$name", ({ file, preprocess, values, tolerance }) => {
    // One pixel by itself has the whole of what the decoder's cosine transform rounds: 1 in each of luma and chroma.
    const most = preprocess.resize === "nearest" ? 3.01 / 255 : tolerance;
    expect(largestDifference(preprocessImage(decodeJpeg(photoFile(file)), preprocess).values, values)).toBeLessThanOrEqual(most);
  });
});
