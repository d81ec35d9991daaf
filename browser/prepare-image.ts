import { AshoreError } from "../protocol/errors.ts";
import { readImageHeader } from "../protocol/image/image-header.ts";
import type { Pixels } from "../protocol/image/pixels.ts";
import { preprocessImage } from "../protocol/image/preprocess-image.ts";
import type { PrepareImage } from "../runtime/ports.ts";

/** Decodes by the browser's own decoder, which works beside this thread. */
export const prepareImage: PrepareImage = async (bytes, how) => preprocessImage(await decode(bytes), how);

async function decode(bytes: Uint8Array): Promise<Pixels> {
  const { type, width, height } = readImageHeader(bytes);
  try {
    const bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type }), { colorSpaceConversion: "none" });
    return pixelsOf(bitmap);
  } catch (cause) {
    throw new AshoreError("INVALID_ARGUMENT", `An image of ${bytes.length} bytes begins as a ${type} of ${width} x ${height} pixels, and cannot be decoded: ${String(cause)}`, { cause });
  }
}

function pixelsOf(bitmap: ImageBitmap): Pixels {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("this browser has no canvas for it");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
