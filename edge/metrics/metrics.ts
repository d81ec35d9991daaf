import { collectDefaultMetrics, Registry } from "prom-client";
import { Series } from "./series.ts";

/** All metrics of one process, for Prometheus. */
export interface Metrics {
  /** TensorFlow Serving's, and what is counted with every request. */
  readonly series: Series;
  /** All others. */
  readonly registry: Registry;
}

/** With those of the process itself in it. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return { series: new Series(), registry };
}
