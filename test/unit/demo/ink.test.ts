import { describe, expect, test } from "vitest";
import { SIDE, inkOf, type Stroke } from "../../../demo/app/ink.ts";

const line = (...points: readonly (readonly [number, number])[]): Stroke => points.map(([x, y]) => ({ x, y }));
const BIG = line([0.2, 0.1], [0.8, 0.9]);
const SMALL_IN_A_CORNER = line([0.02, 0.01], [0.26, 0.33]);

/** The box that the ink lies in, in pixels. */
function boxOf(ink: Float32Array): { left: number; right: number; top: number; bottom: number } {
  const at = [...ink.entries()].filter(([, value]) => value > 0).map(([index]) => ({ x: index % SIDE, y: Math.floor(index / SIDE) }));
  return { left: Math.min(...at.map(({ x }) => x)), right: Math.max(...at.map(({ x }) => x)), top: Math.min(...at.map(({ y }) => y)), bottom: Math.max(...at.map(({ y }) => y)) };
}

function centreOf(ink: Float32Array): { x: number; y: number } {
  const mass = ink.reduce((sum, value) => sum + value, 0);
  return {
    x: ink.reduce((sum, value, at) => sum + value * ((at % SIDE) + 0.5), 0) / mass,
    y: ink.reduce((sum, value, at) => sum + value * (Math.floor(at / SIDE) + 0.5), 0) / mass,
  };
}

describe("strokes become what MNIST's digits are", () => {
  test("paper without a stroke is empty", () => {
    expect(inkOf([])).toEqual(new Float32Array(SIDE * SIDE));
  });

  test("the ink fills a box of 20 pixels, give or take its soft edge", () => {
    const { top, bottom } = boxOf(inkOf([BIG]));
    expect(bottom - top + 1).toBeGreaterThanOrEqual(20);
    expect(bottom - top + 1).toBeLessThanOrEqual(22);
  });

  test("where it was drawn, and how large, makes no difference", () => {
    const [there, here] = [inkOf([SMALL_IN_A_CORNER]), inkOf([BIG])];
    expect(Math.max(...there.map((value, at) => Math.abs(value - (here[at] ?? 0))))).toBeLessThan(0.01);
  });

  test("the centre of mass is in the middle, also where the box is not", () => {
    const seven = line([0.2, 0.2], [0.8, 0.2], [0.4, 0.9]);
    const { x, y } = centreOf(inkOf([seven]));
    expect(Math.abs(x - SIDE / 2)).toBeLessThan(0.15);
    expect(Math.abs(y - SIDE / 2)).toBeLessThan(0.15);
    expect(boxOf(inkOf([seven])).top).not.toBe(SIDE - 1 - boxOf(inkOf([seven])).bottom);
  });

  test("ink is full in the stroke's middle, soft at its edge, and nowhere more than full", () => {
    const ink = [...inkOf([BIG])];
    expect(Math.max(...ink)).toBe(1);
    expect(Math.min(...ink)).toBe(0);
    expect(ink.filter((value) => value > 0.1 && value < 0.9).length).toBeGreaterThan(10);
  });

  test("a dot stays a dot", () => {
    const { left, right, top, bottom } = boxOf(inkOf([line([0.9, 0.1])]));
    expect(Math.max(right - left, bottom - top)).toBeLessThan(4);
  });
});
