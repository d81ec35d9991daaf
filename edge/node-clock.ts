import type { Clock } from "../runtime/ports.ts";
import { sleep } from "../runtime/sleep.ts";

/** The machine's clock and timers. */
export const nodeClock: Clock = { now: () => Date.now(), sleep };
