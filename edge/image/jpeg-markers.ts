/** What of a JPEG's head decides how its pixels are to be read. */
export interface JpegMarkers {
  /** Horizontal and vertical sampling factors of each component. */
  readonly sampling: readonly (readonly [h: number, v: number])[];
  /** Where the colours are luma and chroma, not red, green and blue. */
  readonly isYcc: boolean;
  /** EXIF's, 1 to 8. */
  readonly orientation: number;
  /** The place of Adobe's transform byte; undefined where there is none. */
  readonly adobeTransform: number | undefined;
}

/** The markers up to the first scan of a file whose frame header was seen before (`protocol/image/image-header.ts`). */
export function readJpegMarkers(file: Buffer): JpegMarkers {
  let sampling: [number, number][] = [];
  let ids = "";
  let orientation = 1;
  let adobeTransform: number | undefined;
  let hasJfif = false;
  for (let at = 2; at + 4 <= file.length; ) {
    const marker = file.readUInt16BE(at);
    if (marker === 0xffff) {
      at += 1;
      continue;
    }
    if (marker < 0xff01 || marker === 0xffda) break;
    const segment = file.subarray(at + 4, at + 2 + file.readUInt16BE(at + 2));
    if (marker === 0xffe0 && segment.toString("latin1", 0, 4) === "JFIF") hasJfif = true;
    else if (marker === 0xffe1 && segment.toString("latin1", 0, 6) === "Exif\0\0") orientation = exifOrientation(segment.subarray(6));
    else if (marker === 0xffee && segment.length >= 12 && segment.toString("latin1", 0, 5) === "Adobe") adobeTransform = at + 4 + 11;
    else if (marker >= 0xffc0 && marker <= 0xffcf && marker !== 0xffc4 && marker !== 0xffc8 && marker !== 0xffcc) {
      const components = Array.from({ length: segment[5] ?? 0 }, (_, index) => segment.subarray(6 + 3 * index, 9 + 3 * index));
      sampling = components.map(([, factors = 0]) => [factors >> 4, factors & 15]);
      ids = String.fromCharCode(...components.map(([id = 0]) => id));
    }
    at += 2 + file.readUInt16BE(at + 2);
  }
  // As libjpeg decides: JFIF is luma and chroma, Adobe says which, and components that are called so are red, green and blue.
  const isYcc = hasJfif || (adobeTransform === undefined ? ids !== "RGB" : file[adobeTransform] !== 0);
  return { sampling, isYcc, orientation, adobeTransform };
}

/** Tag 0x0112 of the first directory of a TIFF file; 1 where it says nothing that is known. */
function exifOrientation(tiff: Buffer): number {
  if (tiff.length < 14) return 1;
  const isLittle = tiff.toString("latin1", 0, 2) === "II";
  const u16 = (at: number): number => (at + 2 > tiff.length ? 0 : isLittle ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const directory = isLittle ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
  const entries = u16(directory);
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + entry * 12;
    if (u16(at) !== 0x0112) continue;
    const value = u16(at + 8);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
