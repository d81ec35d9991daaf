import { isModelName } from "../../protocol/names.ts";
import type { RequestMetrics } from "../../runtime/index.ts";
import type { Metrics } from "./metrics.ts";
import { exponential } from "./series.ts";

/** TensorFlow Serving's bounds for latencies in microseconds, up to 20 minutes. */
const MICROSECONDS = exponential(10, 1.8, 33);
/** The same in seconds, for ours. */
const SECONDS = exponential(1e-5, 1.8, 33);

/** So many names of models that are not there are counted by name, as TensorFlow Serving counts all: callers can make up any number. */
const STRANGERS = 100;

/** Counts of REST requests under TensorFlow Serving's names (`servables/tensorflow/util.cc`), and ours by version and signature def. */
export function createRequestMetrics({ series }: Metrics): RequestMetrics {
  const requests = series.counter("/tensorflow/serving/request_count", ["model_name", "status"]);
  const latency = series.sampler("/tensorflow/serving/request_latency", ["model_name", "API", "entrypoint"], MICROSECONDS);
  const runtime = series.sampler("/tensorflow/serving/runtime_latency", ["model_name", "API", "runtime"], MICROSECONDS);
  const examples = series.sampler("/tensorflow/serving/request_example_counts", ["model"], exponential(1, 2, 15));
  const allExamples = series.counter("/tensorflow/serving/request_example_count_total", ["model"]);
  const warmUps = series.sampler("/tensorflow/serving/model_warmup_latency", ["model_path", "status"], MICROSECONDS);
  const warmUpRecords = series.counter("/tensorflow/serving/model_warmup_records_read", ["model_path", "status"]);
  const answered = series.counter("ashore_predict_requests_total", ["model_name", "version", "signature_def", "status"]);
  const took = series.sampler("ashore_predict_duration_seconds", ["model_name", "version", "signature_def"], SECONDS);

  const strangers = new Set<string>();
  function known(name: string | undefined): string {
    if (name === undefined || !isModelName(name)) return "";
    if (strangers.size < STRANGERS) strangers.add(name);
    return strangers.has(name) ? name : "";
  }

  return {
    now: () => performance.now(),
    request: ({ asked, model = known(asked), version, signatureDef = "", api, status, examples: count, microseconds }) => {
      requests.add([model, status]);
      if (version !== undefined && api !== "") answered.add([model, String(version), signatureDef, status]);
      if (status !== "OK") return;
      latency.add([model, api, "REST"], microseconds);
      if (version !== undefined && api !== "") took.add([model, String(version), signatureDef], microseconds / 1e6);
      if (count === undefined) return;
      examples.add([model], count);
      allExamples.add([model], count);
    },
    // With a capital, as TensorFlow Serving's own code has it there and not above.
    ran: (model, api, microseconds) => runtime.add([model, api.charAt(0).toUpperCase() + api.slice(1), "TFJS"], microseconds),
    warmedUp: ({ model, version, status, records, milliseconds }) => {
      const labels = [`${model}/${version}`, status];
      warmUps.add(labels, milliseconds * 1000);
      warmUpRecords.add(labels, records);
    },
  };
}
