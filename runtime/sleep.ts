import type { Clock } from "./ports.ts";

/** The platform's timers as a clock's `sleep`: browsers and Node have the same. */
export const sleep: Clock["sleep"] = (ms, { signal } = {}) =>
  new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      if (signal?.aborted === true) reject(signal.reason instanceof Error ? signal.reason : new DOMException("Aborted.", "AbortError"));
      else resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    if (signal?.aborted === true) end();
  });
