import { describe, expect, test } from "vitest";
import { storesPage } from "../support/stores-page.ts";

const at = storesPage();

describe("the clock", () => {
  test("has fractions of milliseconds, rises, and follows a wall clock that is put on", async () => {
    const readings = await at.worker.ask<readonly (readonly [number, number])[]>("clock", [3_600_000]);
    expect(readings.filter(([ours, wall]) => Math.abs(ours - wall) > 1_000)).toEqual([]);
    expect(readings.some(([ours]) => !Number.isInteger(ours))).toBe(true);
    const [before, after] = [readings.slice(0, 1_000), readings.slice(1_000)];
    for (const span of [before, after]) expect(span.map(([ours]) => ours)).toEqual(span.map(([ours]) => ours).sort((a, b) => a - b));
  });

  test("sleeps, until it is woken", async () => {
    await at.worker.ask("sleep", [1]);
    const abort = new AbortController();
    const sleeping = at.worker.ask("sleep", [3_600_000], abort.signal);
    abort.abort();
    await expect(sleeping).rejects.toMatchObject({ code: "CANCELLED" });
  });
});
