import type { Clock } from "../ports.ts";

/** Work that waits for others, and is told to stop waiting after `ms` milliseconds. */
export async function withCutOff<T>(clock: Clock, ms: number, work: (cutOff: AbortSignal) => Promise<T>): Promise<T> {
  const cutOff = new AbortController();
  const done = new AbortController();
  void clock.sleep(ms, { signal: done.signal }).then(() => cutOff.abort(), () => undefined);
  try {
    return await work(cutOff.signal);
  } finally {
    done.abort();
  }
}
