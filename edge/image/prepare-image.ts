import { AshoreError } from "../../protocol/errors.ts";
import { readImageHeader } from "../../protocol/image/image-header.ts";
import { preprocessImage, type PreparedImage } from "../../protocol/image/preprocess-image.ts";
import type { Preprocess } from "../../protocol/preprocess.ts";
import { decodeJpeg } from "./decode-jpeg.ts";
import { decodePng } from "./decode-png.ts";

/**
 * A JPEG or PNG as a graph takes it.
 * @throws INVALID_ARGUMENT for what cannot be decoded, LIMIT_EXCEEDED for too many pixels, before any is decoded
 */
export function prepareImage(bytes: Uint8Array, how: Preprocess): PreparedImage {
  const { type } = readImageHeader(bytes);
  try {
    return preprocessImage(type === "image/png" ? decodePng(bytes) : decodeJpeg(bytes), how);
  } catch (cause) {
    if (cause instanceof AshoreError) throw cause;
    throw new AshoreError("INVALID_ARGUMENT", `An image of ${bytes.length} bytes begins as a ${type === "image/png" ? "PNG" : "JPEG"}, and cannot be decoded: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause });
  }
}
