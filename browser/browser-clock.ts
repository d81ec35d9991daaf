import type { Clock } from "../runtime/ports.ts";
import { sleep } from "../runtime/sleep.ts";

/** The two clocks of a browser may be so far apart before the wall clock counts: it was set, or the machine slept. */
const TOLERANCE_MS = 1_000;

let origin = performance.timeOrigin;

/** The browser's clock, in fractions of milliseconds, and its timers. */
export const browserClock: Clock = {
  now: () => {
    const wall = Date.now();
    const fine = origin + performance.now();
    if (Math.abs(wall - fine) <= TOLERANCE_MS) return fine;
    origin += wall - fine;
    return wall;
  },
  sleep,
};
