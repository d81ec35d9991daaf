import { asAshoreError } from "../../protocol/errors.ts";
import type { WithSignal } from "../ports.ts";
import { refuseAborted } from "./abort.ts";

/** Lets `count` pieces of work run at once; others wait in the order they came. */
export function slots(count: number): <Result>(work: () => Promise<Result>, options?: WithSignal) => Promise<Result> {
  let free = count;
  const waiting = new Set<() => void>();

  function enter({ signal }: WithSignal): Promise<void> {
    if (free > 0) {
      free--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const take = (): void => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        waiting.delete(take);
        reject(asAshoreError(signal?.reason, "CANCELLED"));
      };
      waiting.add(take);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }

  function exit(): void {
    const [next] = waiting;
    if (next === undefined) {
      free++;
      return;
    }
    waiting.delete(next);
    next();
  }

  return async (work, options = {}) => {
    refuseAborted(options);
    await enter(options);
    try {
      return await work();
    } finally {
      exit();
    }
  };
}
