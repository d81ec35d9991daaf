import { describe, expect, test } from "vitest";
import { createBatchingMetrics } from "../../../edge/metrics/batching-metrics.ts";
import { createMetrics } from "../../../edge/metrics/metrics.ts";
import { createRequestMetrics } from "../../../edge/metrics/request-metrics.ts";
import { modelName, version } from "../../../protocol/names.ts";
import { exponential, Series } from "../../../edge/metrics/series.ts";

describe("the text of TensorFlow Serving's exporter", () => {
  test("a counter: a type and no help, names with colons, braces always", () => {
    const series = new Series();
    const requests = series.counter("/tensorflow/serving/request_count", ["model_name", "status"]);
    const runs = series.counter("/tensorflow/serving/batching_session/wrapped_run_count", []);
    expect(series.text()).toBe("");
    requests.add(["m", "OK"]);
    requests.add(["m", "OK"], 2);
    requests.add(['a"b\\c', "NOT_FOUND"]);
    runs.add([]);
    expect(series.text()).toBe(
      [
        "# TYPE :tensorflow:serving:request_count counter",
        ':tensorflow:serving:request_count{model_name="m",status="OK"} 3',
        ':tensorflow:serving:request_count{model_name="a\\"b\\\\c",status="NOT_FOUND"} 1',
        "# TYPE :tensorflow:serving:batching_session:wrapped_run_count counter",
        ":tensorflow:serving:batching_session:wrapped_run_count{} 1",
        "",
      ].join("\n"),
    );
  });

  test("a sampler: buckets cumulative, bounds of six digits, a value on a bound below it", () => {
    const series = new Series();
    const latency = series.sampler("latency", ["API"], [10, 18, 1_011_700.4]);
    for (const value of [10, 10.5, 18, 19, 2_000_000]) latency.add(["predict"], value);
    expect(series.text()).toBe(
      [
        "# TYPE latency histogram",
        'latency_bucket{API="predict",le="10"} 1',
        'latency_bucket{API="predict",le="18"} 3',
        'latency_bucket{API="predict",le="1.0117e+06"} 4',
        'latency_bucket{API="predict",le="+Inf"} 5',
        'latency_sum{API="predict"} 2000057.5',
        'latency_count{API="predict"} 5',
        "",
      ].join("\n"),
    );
  });

  test("without labels a bucket has its bound alone", () => {
    const series = new Series();
    series.sampler("rows", [], exponential(1, 2, 2)).add([], 2);
    expect(series.text()).toContain('rows_bucket{le="1"} 0\nrows_bucket{le="2"} 1\nrows_bucket{le="+Inf"} 1\nrows_sum{} 2\n');
  });
});

test("requests are counted as TensorFlow Serving counts them, and by version and signature def under our names", () => {
  const metrics = createMetrics();
  const { request, ran, warmedUp } = createRequestMetrics(metrics);
  request({ model: "m", version: 2, signatureDef: "serving_default", api: "predict", status: "OK", microseconds: 100 });
  request({ model: "m", version: 2, signatureDef: "cls", api: "classify", status: "OK", microseconds: 100, examples: 3 });
  request({ model: "m", version: 2, signatureDef: "serving_default", api: "predict", status: "INVALID_ARGUMENT", microseconds: 100 });
  for (const asked of ["none", "none", undefined, "no name: at all"]) request({ model: undefined, asked, version: undefined, api: "predict", status: "NOT_FOUND", microseconds: 100 });
  request({ model: "m", version: undefined, api: "", status: "OK", microseconds: 100 });
  ran("m", "predict", 50);
  warmedUp?.({ model: modelName("m"), version: version(2), status: "OK", records: 3, milliseconds: 12 });
  const text = metrics.series.text();
  for (const line of [
    ':tensorflow:serving:request_count{model_name="m",status="OK"} 3',
    ':tensorflow:serving:request_count{model_name="m",status="INVALID_ARGUMENT"} 1',
    ':tensorflow:serving:request_count{model_name="none",status="NOT_FOUND"} 2',
    ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 2',
    // Bounds are 10 * 1.8^k, printed with six digits.
    ':tensorflow:serving:request_latency_bucket{model_name="m",API="predict",entrypoint="REST",le="58.32"} 0',
    ':tensorflow:serving:request_latency_bucket{model_name="m",API="predict",entrypoint="REST",le="104.976"} 1',
    ':tensorflow:serving:request_latency_count{model_name="m",API="predict",entrypoint="REST"} 1',
    ':tensorflow:serving:request_latency_count{model_name="m",API="",entrypoint="REST"} 1',
    ':tensorflow:serving:runtime_latency_sum{model_name="m",API="Predict",runtime="TFJS"} 50',
    ':tensorflow:serving:request_example_counts_bucket{model="m",le="4"} 1',
    ':tensorflow:serving:request_example_count_total{model="m"} 3',
    ':tensorflow:serving:model_warmup_latency_sum{model_path="m/2",status="OK"} 12000',
    ':tensorflow:serving:model_warmup_records_read{model_path="m/2",status="OK"} 3',
    'ashore_predict_requests_total{model_name="m",version="2",signature_def="serving_default",status="INVALID_ARGUMENT"} 1',
    'ashore_predict_requests_total{model_name="m",version="2",signature_def="cls",status="OK"} 1',
    'ashore_predict_duration_seconds_count{model_name="m",version="2",signature_def="cls"} 1',
  ]) {
    expect(text.split("\n")).toContain(line);
  }
  expect(text.match(/request_latency_bucket\{model_name="m",API="predict"/g)).toHaveLength(34);
});

test("names that callers make up are counted by name up to a bound", () => {
  const metrics = createMetrics();
  const { request } = createRequestMetrics(metrics);
  for (let i = 0; i < 1000; i++) request({ model: undefined, asked: `made-up-${i}`, version: undefined, api: "predict", status: "NOT_FOUND", microseconds: 1 });
  const lines = metrics.series.text().trim().split("\n");
  expect([lines.length, lines.at(-1)]).toEqual([102, ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 900']);
});

test("batches are counted under TensorFlow Serving's names", () => {
  const metrics = createMetrics();
  const { entered, waited, ran } = createBatchingMetrics(metrics);
  entered(3);
  waited(110);
  ran(4, 1);
  for (const line of [
    ':tensorflow:serving:batching_session:input_batch_size_sum{} 3',
    ':tensorflow:serving:batching_session:queuing_latency_bucket{thread_pool_name="model_server_batch_threads",le="120"} 1',
    ":tensorflow:serving:batching_session:wrapped_run_count{} 1",
    ':tensorflow:serving:batching_session:processed_batch_size_bucket{le="4"} 1',
    ':tensorflow:serving:batching_session:padding_size_sum{execution_batch_size="4"} 1',
  ]) {
    expect(metrics.series.text().split("\n")).toContain(line);
  }
});
