import { AshoreError } from "../../protocol/errors.ts";
import * as v from "valibot";
import { basePathSchema, modelNameSchema, pathSchema, portSchema, secondsSchema, tagsSchema, type Settings } from "./settings.ts";

/** The command line of `ashore serve` as it was written: text, or true for a flag without a value; names without `--`. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

/**
 * TensorFlow Serving's flags that are taken, so that its command lines go on working, and change nothing here; the text says
 * why (tensorflow_model_server `--help`, 2.20).
 */
export const FLAGS_WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  enable_batching: "requests are not batched yet",
  batching_parameters_file: "requests are not batched yet",
  allow_version_labels_for_unavailable_models: "a label may always name a version that is not available yet",
  enable_model_warmup: "a version is always warmed up before it serves",
  num_request_iterations_for_warmup: "a version is always warmed up before it serves",
  monitoring_config_file: "metrics are always at /monitoring/prometheus/metrics",
  rest_api_enable_cors_support: "CORS is always on",
  rest_api_num_threads: "each version computes in a thread of its own",
  rest_api_timeout_in_ms: "the timeout is fixed at 30 s",
  model_config_file_poll_wait_seconds: "the file is read once, at start",
  max_num_load_retries: "a load that fails is not repeated until its folder changes",
  load_retry_interval_micros: "a load that fails is not repeated until its folder changes",
  num_load_threads: "each version loads in a thread of its own",
  num_unload_threads: "each version computes in a thread of its own",
  flush_filesystem_caches: "weights are not read from the file system's cache",
  ssl_config_file: "it secures gRPC, which is not spoken; use --ssl_cert and --ssl_key",
  grpc_channel_arguments: "gRPC is not spoken",
  grpc_max_threads: "gRPC is not spoken",
  grpc_socket_path: "gRPC is not spoken",
  enable_grpc_healthcheck_service: "gRPC is not spoken; use /healthz and /readyz",
  use_alts_credentials: "gRPC is not spoken",
  platform_config_file: "models run on TensorFlow.js",
  tensorflow_session_parallelism: "models run on TensorFlow.js",
  tensorflow_session_config_file: "models run on TensorFlow.js",
  tensorflow_intra_op_parallelism: "models run on TensorFlow.js",
  tensorflow_inter_op_parallelism: "models run on TensorFlow.js",
  per_process_gpu_memory_fraction: "models run on TensorFlow.js",
  mixed_precision: "models run on TensorFlow.js",
  skip_initialize_tpu: "models run on TensorFlow.js",
  xla_cpu_compilation_enabled: "models run on TensorFlow.js",
  xla_gpu_compilation_enabled: "models run on TensorFlow.js",
  enable_profiler: "there is no profiler",
  prefer_tflite_model: "TensorFlow Lite models are not read",
  use_tflite_model: "TensorFlow Lite models are not read",
  num_tflite_interpreters_per_pool: "TensorFlow Lite models are not read",
  num_tflite_pools: "TensorFlow Lite models are not read",
  thread_pool_factory_config_file: "models run on TensorFlow.js",
  remove_unused_fields_from_bundle_metagraph: "only what serving needs is ever kept",
  enable_signature_method_name_check: "the check stays off, as it is by default",
  enable_serialization_as_tensor_content: "gRPC is not spoken",
};

export interface FlagSettings {
  readonly settings: Settings;
  /** The YAML file to read, as written. */
  readonly config?: string | undefined;
  /** The text proto to read, as written. */
  readonly modelConfigFile?: string | undefined;
  /** One line each about what was passed over. */
  readonly notes: readonly string[];
}

/** @throws CONFIG_INVALID with every fault, each with its flag */
export function settingsOfFlags(flags: Flags): FlagSettings {
  const faults: string[] = [];
  const notes: string[] = [];

  function take<Schema extends v.GenericSchema<unknown, unknown>>(name: string, schema: Schema, read: (text: string) => unknown = (text) => text): v.InferOutput<Schema> | undefined {
    const written = flags[name];
    if (written === undefined) return undefined;
    const result = v.safeParse(schema, typeof written === "string" ? read(written) : written);
    if (result.success) return result.output;
    faults.push(`--${name}=${String(written)} ${result.issues[0].message}`);
    return undefined;
  }

  const restPort = take("rest_api_port", portSchema, numberOf);
  const plainPort = take("port", portSchema, numberOf);
  if (restPort !== undefined && plainPort !== undefined) {
    notes.push(`--port=${plainPort} is ignored beside --rest_api_port=${restPort}: gRPC is not spoken.`);
  }
  for (const [name, why] of Object.entries(FLAGS_WITHOUT_EFFECT)) {
    if (flags[name] !== undefined) notes.push(`--${name} has no effect: ${why}.`);
  }
  const name = take("model_name", modelNameSchema);
  const basePath = take("model_base_path", basePathSchema);
  const settings: Settings = {
    models: name === undefined && basePath === undefined ? undefined : [{ name, basePath }],
    data: take("data", pathSchema),
    host: take("host", pathSchema),
    port: restPort ?? plainPort,
    pollWaitSeconds: take("file_system_poll_wait_seconds", secondsSchema, numberOf),
    inference: flags["inference"] === false ? false : undefined,
    sslCert: take("ssl_cert", pathSchema),
    sslKey: take("ssl_key", pathSchema),
    savedModelTags: take("saved_model_tags", tagsSchema),
  };
  const config = take("config", pathSchema);
  const modelConfigFile = take("model_config_file", pathSchema);
  if (faults.length > 0) throw new AshoreError("CONFIG_INVALID", `${faults.join("; ")}.`);
  return { settings, config, modelConfigFile, notes };
}

function numberOf(text: string): unknown {
  return /^-?[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : text;
}
