import type { Pixels } from "../../protocol/image/pixels.ts";

/** The image the way up that EXIF's orientation (1 to 8) says it was taken. */
export function oriented({ width, height, data }: Pixels, orientation: number): Pixels {
  if (orientation <= 1 || orientation > 8) return { width, height, data };
  const isTurned = orientation >= 5;
  const [wide, tall] = isTurned ? [height, width] : [width, height];
  const from = new Uint32Array(data.buffer, data.byteOffset, width * height);
  const to = new Uint32Array(width * height);
  // Which of its axes the stored image runs backwards, seen from the one to be made.
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  for (let y = 0; y < tall; y++) {
    for (let x = 0; x < wide; x++) {
      const [column, row] = isTurned ? [y, x] : [x, y];
      to[y * wide + x] = from[(fromBottom ? height - 1 - row : row) * width + (fromRight ? width - 1 - column : column)] ?? 0;
    }
  }
  return { width: wide, height: tall, data: new Uint8ClampedArray(to.buffer) };
}
