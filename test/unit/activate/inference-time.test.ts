import { expect, test } from "vitest";
import { InferenceTime } from "../../../runtime/activate/index.ts";

test("the least of all inferences after the first, each new least told once; a clock that was turned back says nothing", () => {
  let now = 1000;
  const told: number[] = [];
  const time = new InferenceTime({ now: () => now, sleep: async () => undefined }, (ms) => told.push(ms));
  const run = (ms: number): number | undefined => {
    const began = time.begin();
    now += ms;
    time.end(began);
    return time.ms;
  };
  expect([run(2), run(30), run(40), run(12.5), run(12.5), run(-5)]).toEqual([undefined, 30, 30, 12.5, 12.5, 12.5]);
  expect(told).toEqual([30, 12.5]);
});
