import type { WorkerRole } from "../protocol/messages.ts";

export interface LendWorkerOptions {
  /** `worker.js`, of this page's origin. */
  readonly script: string;
  readonly role: Extract<WorkerRole, { role: "engine" }>;
  /** For people who look at what runs. */
  readonly name: string;
  /** Hears that the worker has ended. */
  readonly onEnd?: (() => void) | undefined;
}

/**
 * Starts a worker that computes one servable for whoever holds the port's other side; from then on it has the port, and it ends by
 * itself. The port is handed over once the script runs: what keeps it from running is told over the port from here.
 */
export function lendWorker(port: MessagePort, { script, role, name, onEnd }: LendWorkerOptions): Worker | undefined {
  const fail = (why: string): void => {
    port.postMessage({ type: "failed", error: { code: "WORKER_FAILED", message: `${script} does not start: ${why}`, causes: [] } });
  };
  try {
    const worker = new Worker(script, { name });
    worker.onmessage = () => {
      worker.onerror = null;
      worker.onmessage = onEnd ?? null;
      worker.postMessage(role, [port]);
    };
    worker.onerror = ({ message }) => {
      worker.terminate();
      onEnd?.();
      fail(message || "it could not be fetched, or is no script.");
    };
    return worker;
  } catch (thrown) {
    fail(String(thrown));
    return undefined;
  }
}
