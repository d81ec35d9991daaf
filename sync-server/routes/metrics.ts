import { Counter, Gauge } from "prom-client";
import { createMetrics, type Metrics } from "../../edge/index.ts";
import type { Readiness } from "./readiness.ts";

/** What the server counts about itself; the runtime behind it adds its own. */
export interface ServerMetrics extends Metrics {
  /** One answer to a request for a published file or a route of the server. */
  answered(route: Route, status: number): void;
  published(model: string, seconds: number): void;
  publishFailed(model: string): void;
}

export type Route = "blob" | "target" | "metadata" | "missing" | "rest" | "manifests" | "other";

/**
 * Prometheus metrics of the server itself. The busiest counters are plain integers, handed over when scraped: a
 * 304 costs less than a look at a labelled counter.
 */
export function createServerMetrics(readiness: () => Promise<Readiness>, now: () => number): ServerMetrics {
  const metrics = createMetrics();
  const { registry } = metrics;
  const answers: Record<Route, number[]> = { blob: [], target: [], metadata: [], missing: [], rest: [], manifests: [], other: [] };

  new Counter({
    name: "ashore_http_responses_total",
    help: "Answers by route and status",
    labelNames: ["route", "status"],
    registers: [registry],
    collect() {
      for (const [route, counts] of Object.entries(answers)) {
        counts.forEach((count, status) => this.inc({ route, status }, count));
        counts.length = 0;
      }
    },
  });
  new Gauge({
    name: "ashore_version_state",
    help: "1 for the state that each version of each model is in",
    labelNames: ["model_name", "version", "state"],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { name, versions } of (await readiness()).models) {
        for (const { version, state } of versions) this.set({ model_name: name, version: String(version), state }, 1);
      }
    },
  });
  const publishes = new Counter({ name: "ashore_published_versions_total", help: "Versions published by this process", labelNames: ["model_name"], registers: [registry] });
  const failures = new Counter({ name: "ashore_publish_failures_total", help: "Versions that could not be published", labelNames: ["model_name"], registers: [registry] });
  const last = new Gauge({ name: "ashore_last_publish_timestamp_seconds", help: "When a version was last published", labelNames: ["model_name"], registers: [registry] });
  const took = new Gauge({ name: "ashore_last_publish_duration_seconds", help: "How long the last version took to import, test, encode and sign", labelNames: ["model_name"], registers: [registry] });

  return {
    ...metrics,
    answered: (route, status) => {
      const counts = answers[route];
      counts[status] = (counts[status] ?? 0) + 1;
    },
    published: (model, seconds) => {
      publishes.inc({ model_name: model });
      last.set({ model_name: model }, now() / 1000);
      took.set({ model_name: model }, seconds);
    },
    publishFailed: (model) => failures.inc({ model_name: model }),
  };
}
