import { asAshoreError } from "../protocol/errors.ts";
import type { Clock, WithSignal } from "../runtime/ports.ts";

/**
 * True when `work` ends within `ms` milliseconds; false when it takes longer, and then it goes on by itself. Rejects with what it
 * rejects with by then, and with the signal's reason.
 */
export async function within(ms: number, work: Promise<unknown>, clock: Clock, { signal }: WithSignal = {}): Promise<boolean> {
  const over = new AbortController();
  const either = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  const late = clock.sleep(ms, { signal: either }).then(() => false);
  // Once the work is over, the wait's own end is nobody's business.
  late.catch(() => undefined);
  try {
    return await Promise.race([work.then(() => true), late]);
  } catch (thrown) {
    throw asAshoreError(thrown);
  } finally {
    over.abort();
  }
}
