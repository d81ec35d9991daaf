import { Counter, Histogram, type Registry } from "prom-client";
import type { RequestMetrics } from "../runtime/index.ts";

/** TensorFlow Serving's bounds for latencies, in microseconds: 10 * 1.8^k. */
const BUCKETS = Array.from({ length: 33 }, (_, k) => 10 * 1.8 ** k);

/**
 * Counts of REST requests under TensorFlow Serving's names, and ours with the version. Counters are plain numbers, handed over
 * when they are scraped: a request costs a look into a map.
 */
export function createRequestMetrics(registry: Registry): RequestMetrics {
  const served = new Map<string, number>();
  const versions = new Map<string, number>();

  new Counter({
    name: ":tensorflow:serving:request_count",
    help: "Requests by model and status",
    labelNames: ["model_name", "status"],
    registers: [registry],
    collect() {
      hand(served, (count, [model_name = "", status = ""]) => this.inc({ model_name, status }, count));
    },
  });
  new Counter({
    name: "ashore_predict_requests_total",
    help: "Requests by model, version that answered, and status",
    labelNames: ["model_name", "version", "status"],
    registers: [registry],
    collect() {
      hand(versions, (count, [model_name = "", version = "", status = ""]) => this.inc({ model_name, version, status }, count));
    },
  });
  const latency = new Histogram({
    name: ":tensorflow:serving:request_latency",
    help: "Microseconds from a request to its answer, of those that succeeded",
    labelNames: ["model_name", "API", "entrypoint"],
    buckets: BUCKETS,
    registers: [registry],
  });

  return {
    now: () => performance.now(),
    request: ({ model = "", version, api, status, microseconds }) => {
      add(served, `${model} ${status}`);
      if (version !== undefined) add(versions, `${model} ${version} ${status}`);
      if (status === "OK") latency.observe({ model_name: model, API: api, entrypoint: "REST" }, microseconds);
    },
  };
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Names of models have no spaces, so the key can be taken apart. */
function hand(counts: Map<string, number>, take: (count: number, key: readonly string[]) => void): void {
  for (const [key, count] of counts) take(count, key.split(" "));
  counts.clear();
}
