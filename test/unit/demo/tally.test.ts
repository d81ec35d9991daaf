import { expect, test } from "vitest";
import { median } from "../../../demo/app/format.ts";
import { Tally, WINDOW_SECONDS, totalsOf } from "../../../demo/app/tally.ts";

test("answers are counted by version and second, failures beside them", () => {
  const tally = new Tally();
  tally.answered(1, 100.1);
  tally.answered(1, 100.9);
  tally.answered(2, 101.5);
  tally.failed(101.6);
  const window = tally.window(101.9);
  expect(window).toHaveLength(WINDOW_SECONDS);
  expect(window.at(-2)).toEqual({ answers: new Map([[1, 2]]), failures: 0 });
  expect(window.at(-1)).toEqual({ answers: new Map([[2, 1]]), failures: 1 });
  expect(totalsOf(window)).toEqual({ byVersion: new Map([[1, 2], [2, 1]]), answers: 3, failures: 1 });
});

test("what is older than a minute is not in the window", () => {
  const tally = new Tally();
  tally.answered(1, 10);
  expect(totalsOf(tally.window(10 + WINDOW_SECONDS - 1)).answers).toBe(1);
  expect(totalsOf(tally.window(10 + WINDOW_SECONDS)).answers).toBe(0);
});

test("totals name versions in their order, whichever answered first", () => {
  const tally = new Tally();
  tally.answered(2, 1);
  tally.answered(1, 2);
  expect([...totalsOf(tally.window(2)).byVersion.keys()]).toEqual([1, 2]);
});

test("the median is the middle one, and nothing of nothing", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([])).toBeUndefined();
});
