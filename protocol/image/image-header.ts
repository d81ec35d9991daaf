import { AshoreError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export interface ImageHeader {
  readonly type: "image/jpeg" | "image/png";
  readonly width: number;
  readonly height: number;
}

/** The first bytes of a PNG, up to its width: signature, length and name of the first chunk. */
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52];

/**
 * What an encoded image says it is, read before anything is decoded: a few bytes may promise more pixels than there is memory.
 * @throws INVALID_ARGUMENT for what is no JPEG (gray or colour) and no PNG; LIMIT_EXCEEDED beyond LIMITS.imagePixels and imageSide
 */
export function readImageHeader(bytes: Uint8Array): ImageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: ImageHeader | undefined;
  if (bytes.length > 24 && PNG.every((byte, at) => bytes[at] === byte)) header = { type: "image/png", width: view.getUint32(16), height: view.getUint32(20) };
  else if (bytes[0] === 0xff && bytes[1] === 0xd8) header = jpegHeader(view);
  if (header === undefined || header.width === 0 || header.height === 0) {
    throw new AshoreError("INVALID_ARGUMENT", `An image of ${bytes.length} bytes is neither a JPEG (gray or RGB) nor a PNG, or it is cut short; send one of those.`);
  }
  const { width, height } = header;
  if (width * height > LIMITS.imagePixels || Math.max(width, height) > LIMITS.imageSide) throw new AshoreError("LIMIT_EXCEEDED", `An image has ${width} x ${height} pixels; at most ${LIMITS.imagePixels} are taken, and ${LIMITS.imageSide} on a side. Make it smaller before it is sent.`);
  return header;
}

/** From marker to marker (ITU-T T.81, B.1.1.4) to the frame header; undefined where there is none, or its image is no gray or colour one of 8 bits. */
function jpegHeader(view: DataView): ImageHeader | undefined {
  for (let at = 2; at + 9 < view.byteLength; ) {
    const marker = view.getUint16(at);
    if (marker === 0xffff) at += 1;
    else if (marker < 0xff01) return undefined;
    else if (marker >= 0xffc0 && marker <= 0xffcf && marker !== 0xffc4 && marker !== 0xffc8 && marker !== 0xffcc) {
      const components = view.getUint8(at + 9);
      return view.getUint8(at + 4) === 8 && (components === 1 || components === 3) ? { type: "image/jpeg", height: view.getUint16(at + 5), width: view.getUint16(at + 7) } : undefined;
    } else at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}
