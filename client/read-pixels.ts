import { asAshoreError } from "../protocol/errors.ts";
import type { Pixels } from "../protocol/image/pixels.ts";
import type { ImageSource } from "./types.ts";

/**
 * An image's pixels, the way up that its EXIF says, whatever its colour profile.
 * @throws INVALID_ARGUMENT for what the browser cannot read as an image
 */
export async function readPixels(source: ImageSource): Promise<Pixels> {
  if ("data" in source) return source;
  try {
    const bitmap = await createImageBitmap(source as ImageBitmapSource, { colorSpaceConversion: "none" });
    const { width, height } = bitmap;
    // A canvas that has no context yet gives one of any kind.
    const context = new OffscreenCanvas(width, height).getContext("2d") as OffscreenCanvasRenderingContext2D;
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return context.getImageData(0, 0, width, height);
  } catch (thrown) {
    throw asAshoreError(thrown, "INVALID_ARGUMENT");
  }
}
