import { Gauge } from "prom-client";
import type { BatchingParameters } from "../protocol/batching.ts";
import { LIMITS } from "../protocol/limits.ts";
import { createBatching, type Runtime } from "../runtime/index.ts";
import { createEdgeRuntime, type EdgeRuntimeOptions } from "./edge-runtime.ts";
import { listen } from "./listener.ts";
import { eventLog, type Log } from "./log.ts";
import { createBatchingMetrics } from "./metrics/batching-metrics.ts";
import { DEFAULT_METRICS_PATH, metricsAnswer } from "./metrics/metrics-answer.ts";
import { createMetrics } from "./metrics/metrics.ts";
import { createRequestMetrics } from "./metrics/request-metrics.ts";
import { readinessOf } from "./readiness.ts";

export interface EdgeOptions extends Omit<EdgeRuntimeOptions, "metrics" | "onEngineOutput" | "batching"> {
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0 picks a free one. Default 8501, as TensorFlow Serving's. */
  readonly port?: number | undefined;
  /** Where Prometheus finds metrics; null for nowhere. Default `/monitoring/prometheus/metrics`. */
  readonly metricsPath?: string | null | undefined;
  /** Computes requests that wait together, with what is said here besides TensorFlow Serving's defaults. Default: each by itself. */
  readonly batching?: Partial<BatchingParameters> | undefined;
  readonly log?: Log | undefined;
}

export interface Edge {
  /** `http://HOST:PORT`, with the port that was really taken. */
  readonly url: string;
  readonly runtime: Runtime;
  /** Takes no more connections, lets requests under way end (for `drainMs` at most, default LIMITS.drainMs), and frees everything. */
  close(options?: { readonly drainMs?: number | undefined }): Promise<void>;
}

/**
 * The runtime in Node behind a port of its own. Resolves when it can answer: once a stored version is loaded, without the
 * server, or else when the first look at the server is over, whatever it brought.
 * @throws STORE_LOCKED, STORE_FULL, STORE_FAILED; CONFIG_INVALID for an address that cannot be listened at, and for `batching`; CANCELLED
 */
export async function startEdge({ host = "127.0.0.1", port = 8501, metricsPath = DEFAULT_METRICS_PATH, batching, log, report, ...options }: EdgeOptions, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<Edge> {
  const metrics = createMetrics();
  const tell = log === undefined ? undefined : eventLog(log);
  const { runtime, close } = await createEdgeRuntime({
    ...options,
    metrics: createRequestMetrics(metrics),
    batching: batching && createBatching(batching, createBatchingMetrics(metrics)),
    onEngineOutput: (line) => log?.debug({}, `engine: ${line}`),
    report: (event) => {
      tell?.(event);
      report?.(event);
    },
  });
  new Gauge({
    name: "ashore_version_state",
    help: "1 for the state that each version of each model is in",
    labelNames: ["model_name", "version", "state"],
    registers: [metrics.registry],
    collect() {
      this.reset();
      for (const { name, versions } of runtime.models()) {
        for (const { version, state } of versions) this.set({ model_name: name, version: String(version), state }, 1);
      }
    },
  });
  try {
    const listener = await listen({
      host,
      port,
      handle: runtime.handle,
      readiness: () => readinessOf(runtime.models()),
      metricsPath,
      metrics: (path, target) => metricsAnswer(metrics, path, target),
    });
    try {
      await runtime.start({ signal });
    } catch (thrown) {
      await listener.close(0);
      throw thrown;
    }
    return {
      url: listener.url,
      runtime,
      close: async ({ drainMs = LIMITS.drainMs } = {}) => {
        await listener.close(drainMs);
        await close({ drainMs });
      },
    };
  } catch (thrown) {
    await close({ drainMs: 0 });
    throw thrown;
  }
}
