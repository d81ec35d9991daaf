import type { PageLife } from "./ports.ts";

/** The page's timers and events, as `Poll` and the rest of the client need them. */
export const pageLife: PageLife = {
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
  isHidden: () => document.hidden,
  onWake: (listener) => {
    const end = new AbortController();
    addEventListener("online", listener, { signal: end.signal });
    document.addEventListener("visibilitychange", () => document.hidden || listener(), { signal: end.signal });
    return () => end.abort();
  },
  whenIdle: (run) => {
    // Safari has no idle callbacks.
    if (typeof requestIdleCallback === "undefined") return pageLife.after(0, run);
    const handle = requestIdleCallback(run);
    return () => cancelIdleCallback(handle);
  },
};
