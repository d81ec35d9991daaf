import { isPixels } from "../protocol/image/pixels.ts";

/** An input as JSON can carry it: pixels, alone or in a list, as the bytes of a PNG; anything else as it is. */
export async function encodeImages(value: unknown): Promise<unknown> {
  if (Array.isArray(value) && value.some(isPixels)) return await Promise.all(value.map(encodeImages));
  if (!isPixels(value)) return value;
  const { width, height, data } = value;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  const png = await canvas.convertToBlob({ type: "image/png" });
  return new Uint8Array(await png.arrayBuffer());
}
