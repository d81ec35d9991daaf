import { asAshoreError } from "../../protocol/errors.ts";
import type { WithSignal } from "../ports.ts";
import { refuseAborted } from "./abort.ts";

export interface SingleFlight<Key, Result> {
  /**
   * Joins the work under way for `key`, or starts it. The work's own signal is aborted only when everyone who waits for it has
   * been aborted; one waiter's abort rejects that waiter alone.
   */
  run(key: Key, start: (signal: AbortSignal) => Promise<Result>, options?: WithSignal): Promise<Result>;
  /** The keys of work under way. */
  keys(): IterableIterator<Key>;
}

interface Flight<Result> {
  readonly result: Promise<Result>;
  readonly abort: AbortController;
  waiting: number;
}

/** One piece of work at a time for a key, shared by all who want it. */
export function singleFlight<Key, Result>(): SingleFlight<Key, Result> {
  const flights = new Map<Key, Flight<Result>>();

  function flightOf(key: Key, start: (signal: AbortSignal) => Promise<Result>): Flight<Result> {
    const joined = flights.get(key);
    // One that all have left ends soon with an abort, which is no answer for who comes now.
    if (joined !== undefined && !joined.abort.signal.aborted) return joined;
    const abort = new AbortController();
    const before = joined === undefined ? Promise.resolve() : joined.result.then(nothing, nothing);
    const flight: Flight<Result> = { result: before.then(() => start(abort.signal)), abort, waiting: 0 };
    flights.set(key, flight);
    const forget = (): void => void (flights.get(key) === flight && flights.delete(key));
    flight.result.then(forget, forget);
    return flight;
  }

  return {
    keys: () => flights.keys(),
    run: async (key, start, options = {}) => {
      refuseAborted(options);
      const flight = flightOf(key, start);
      flight.waiting++;
      const { signal } = options;
      let leave: () => void = nothing;
      const left = new Promise<never>((_, reject) => {
        leave = () => reject(asAshoreError(signal?.reason, "CANCELLED"));
        signal?.addEventListener("abort", leave, { once: true });
      });
      try {
        return await Promise.race([flight.result, left]);
      } finally {
        signal?.removeEventListener("abort", leave);
        if (--flight.waiting === 0) flight.abort.abort(new DOMException("Nobody waits for it any more.", "AbortError"));
      }
    },
  };
}

function nothing(): void {}
