/**
 * A plane of half the width, and maybe half the height, at full size: each value three parts its own sample and one part the
 * nearest other, as libjpeg does it ("fancy upsampling", jdsample.c), and with it Pillow, TensorFlow and browsers.
 * @param width of the full plane, like `height`
 */
export function upsampled(plane: Uint8Array, width: number, height: number, [h, v]: readonly [1 | 2, 1 | 2]): Uint8Array {
  if (h === 1 && v === 1) return plane;
  const narrow = Math.ceil(width / h);
  const low = Math.ceil(height / v);
  const full = new Uint8Array(width * height);
  const line = new Int32Array(narrow);
  // Ties go up and down by turns, so that on the whole nothing gets brighter.
  const [evens, odds, shift] = h === 2 && v === 2 ? [8, 7, 4] : [1, 2, 2];
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / v);
    const other = v === 1 ? row : clamped(row + (y % 2 === 0 ? -1 : 1), low);
    for (let x = 0; x < narrow; x++) {
      const own = plane[row * narrow + x] ?? 0;
      line[x] = v === 1 ? own : 3 * own + (plane[other * narrow + x] ?? 0);
    }
    for (let x = 0; x < width; x++) {
      const bias = (h === 1 ? y : x) % 2 === 0 ? evens : odds;
      const own = line[Math.floor(x / h)] ?? 0;
      const beside = h === 1 ? 0 : (line[clamped((x >> 1) + (x % 2 === 0 ? -1 : 1), narrow)] ?? 0);
      full[y * width + x] = ((h === 1 ? own : 3 * own + beside) + bias) >> shift;
    }
  }
  return full;
}

function clamped(at: number, size: number): number {
  return Math.max(0, Math.min(size - 1, at));
}
