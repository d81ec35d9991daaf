/** A point of a stroke, in a square sheet of side 1. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

export type Stroke = readonly Point[];

/** Pixels of a side of what the model reads. */
export const SIDE = 28;

/** MNIST's digits lie in a box of 20 pixels, their strokes are two to three pixels wide. */
const BOX = 20;
const RADIUS = 1.15;
/** What is smaller on the sheet (a dot, a nervous finger) is not blown up to the whole box. */
const SMALLEST = 0.12;

/**
 * Strokes as MNIST's authors prepared theirs: fitted into the box, the centre of mass of the ink in the middle, edges soft.
 * Row by row, 0 (paper) to 1 (ink).
 */
export function inkOf(strokes: readonly Stroke[]): Float32Array<ArrayBuffer> {
  const points = strokes.flat();
  if (points.length === 0) return new Float32Array(SIDE * SIDE);
  const xs = points.map(({ x }) => x);
  const ys = points.map(({ y }) => y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = (BOX - 2 * RADIUS) / Math.max(right - left, bottom - top, SMALLEST);
  const fitted = strokes.map((stroke) => stroke.map(({ x, y }) => ({ x: (x - (left + right) / 2) * scale + SIDE / 2, y: (y - (top + bottom) / 2) * scale + SIDE / 2 })));
  const centre = centreOfMass(rasterOf(fitted));
  const moved = fitted.map((stroke) => stroke.map(({ x, y }) => ({ x: x - centre.x + SIDE / 2, y: y - centre.y + SIDE / 2 })));
  return rasterOf(moved);
}

/** Each pixel by how near its centre comes to the line. */
function rasterOf(strokes: readonly Stroke[]): Float32Array<ArrayBuffer> {
  const raster = new Float32Array(SIDE * SIDE);
  for (const stroke of strokes) {
    stroke.forEach((to, i) => {
      const from = stroke[i - 1] ?? to;
      if (i === 0 && stroke.length > 1) return;
      const reach = RADIUS + 1;
      const columns = range(Math.min(from.x, to.x) - reach, Math.max(from.x, to.x) + reach);
      for (const row of range(Math.min(from.y, to.y) - reach, Math.max(from.y, to.y) + reach)) {
        for (const column of columns) {
          const cover = RADIUS + 0.5 - distance({ x: column + 0.5, y: row + 0.5 }, from, to);
          const at = row * SIDE + column;
          raster[at] = Math.max(raster[at] ?? 0, Math.min(1, cover));
        }
      }
    });
  }
  return raster;
}

function range(from: number, to: number): number[] {
  const first = Math.max(0, Math.floor(from));
  return Array.from({ length: Math.max(0, Math.min(SIDE, Math.ceil(to)) - first) }, (_, i) => first + i);
}

/** From a point to the nearest of a line between two others. */
function distance({ x, y }: Point, from: Point, to: Point): number {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.max(0, Math.min(1, ((x - from.x) * dx + (y - from.y) * dy) / length));
  return Math.hypot(x - from.x - along * dx, y - from.y - along * dy);
}

function centreOfMass(raster: Float32Array): Point {
  let [mass, x, y] = [0, 0, 0];
  raster.forEach((ink, at) => {
    mass += ink;
    x += ink * ((at % SIDE) + 0.5);
    y += ink * (Math.floor(at / SIDE) + 0.5);
  });
  return mass === 0 ? { x: SIDE / 2, y: SIDE / 2 } : { x: x / mass, y: y / mass };
}
