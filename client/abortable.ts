import { asAshoreError } from "../protocol/errors.ts";

/** What the promise comes to, unless the signal is aborted first: then CANCELLED or DEADLINE_EXCEEDED. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(asAshoreError(signal.reason, "CANCELLED"));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
