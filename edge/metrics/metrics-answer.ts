import type { RestResponse } from "../../runtime/index.ts";
import type { Metrics } from "./metrics.ts";

/** Where TensorFlow Serving's default puts them. */
export const DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics";

/** Whether a request is for metrics. @param target its path and query */
export function isForMetrics(path: string | null, target: string): boolean {
  return path !== null && target.startsWith(path) && ["", "?"].includes(target.slice(path.length, path.length + 1));
}

/** The answer to a request for metrics, any method; with a query TensorFlow Serving refuses it. */
export async function metricsAnswer({ series, registry }: Metrics, path: string, target: string): Promise<RestResponse> {
  if (target !== path) return { status: 400, headers: { "content-type": "text/plain" }, body: `Unexpected path: ${target} Should be ${path}` };
  return { status: 200, headers: { "content-type": registry.contentType, "cache-control": "no-store" }, body: series.text() + (await registry.metrics()) };
}
