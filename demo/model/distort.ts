import { PIXELS, SIDE } from "./mnist.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** How far a training image may be bent, at most, each way. */
export interface Distortion {
  readonly degrees: number;
  /** Of the size, each axis by itself. */
  readonly scale: number;
  readonly shear: number;
  readonly pixels: number;
}

const CENTRE = (SIDE - 1) / 2;

/**
 * Writes one digit (ink 0..255 in, 0..1 out), turned, scaled, sheared and moved at random: 8,000 images are few, and each epoch
 * then sees new ones. Each pixel asks where it came from, and takes the mean of its four neighbours there.
 */
export function distort(from: Uint8Array, to: Float32Array, { degrees, scale, shear, pixels }: Distortion, random: SeededRandom): void {
  const angle = (random.uniform(-degrees, degrees) * Math.PI) / 180;
  const width = 1 + random.uniform(-scale, scale);
  const height = 1 + random.uniform(-scale, scale);
  const slant = random.uniform(-shear, shear);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [a, b, c, d] = [cos / width, (sin + slant * cos) / width, -sin / height, (cos - slant * sin) / height];
  const [right, down] = [random.uniform(-pixels, pixels), random.uniform(-pixels, pixels)];
  const ink = (x: number, y: number): number => (x < 0 || y < 0 || x >= SIDE || y >= SIDE ? 0 : (from[y * SIDE + x] ?? 0));
  for (let at = 0; at < PIXELS; at++) {
    const dx = (at % SIDE) - CENTRE - right;
    const dy = Math.floor(at / SIDE) - CENTRE - down;
    const x = a * dx + b * dy + CENTRE;
    const y = c * dx + d * dy + CENTRE;
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [fx, fy] = [x - left, y - top];
    const above = ink(left, top) * (1 - fx) + ink(left + 1, top) * fx;
    const below = ink(left, top + 1) * (1 - fx) + ink(left + 1, top + 1) * fx;
    to[at] = (above * (1 - fy) + below * fy) / 255;
  }
}
