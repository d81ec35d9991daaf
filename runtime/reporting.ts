import type { ReportPort, RuntimeEvent } from "./ports.ts";

export interface Reporting {
  readonly report: ReportPort;
  /** Hears all events from now on; answers how to stop. */
  watch(listener: (event: RuntimeEvent) => void): () => void;
}

/** Tells every event to the host first, and to all who watch. A listener's fault is its host's to see, and stops nothing. */
export function createReporting(host: ReportPort): Reporting {
  const listeners = new Set<(event: RuntimeEvent) => void>();
  return {
    report: (event) => {
      for (const listener of [host, ...listeners]) {
        try {
          listener(event);
        } catch (thrown) {
          queueMicrotask(() => {
            throw thrown;
          });
        }
      }
    },
    watch: (listener) => {
      // Wrapped, so that the same function may listen twice.
      const own = (event: RuntimeEvent): void => listener(event);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
  };
}
