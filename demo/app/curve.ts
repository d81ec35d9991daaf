import type { Point, Stroke } from "./ink.ts";

const STEPS = 10;

/** A smooth line through a few points (Catmull and Rom), for strokes that are written down as corners. */
export function curveThrough(corners: readonly (readonly [number, number])[]): Stroke {
  const points = corners.map(([x, y]): Point => ({ x, y }));
  return points.flatMap((start, i) => {
    const end = points[i + 1];
    if (end === undefined) return [start];
    const before = points[i - 1] ?? start;
    const after = points[i + 2] ?? end;
    return Array.from({ length: STEPS }, (_, step) => {
      const t = step / STEPS;
      return { x: between(before.x, start.x, end.x, after.x, t), y: between(before.y, start.y, end.y, after.y, t) };
    });
  });
}

function between(before: number, start: number, end: number, after: number, t: number): number {
  return 0.5 * (2 * start + (end - before) * t + (2 * before - 5 * start + 4 * end - after) * t * t + (3 * start - before - 3 * end + after) * t ** 3);
}
