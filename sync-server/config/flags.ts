import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { basePathSchema, modelNameSchema, pathSchema } from "./schemas.ts";
import { SETTINGS, settingValuesSchema, type Setting, type Settings } from "./settings.ts";

/** The command line of `ashore serve` as it was written: text, or true for a flag without a value; names without `--`. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>;

/**
 * TensorFlow Serving's flags that are taken, so that its command lines go on working, and change nothing here; the text says
 * why (tensorflow_model_server `--help`, 2.20).
 */
export const FLAGS_WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  allow_version_labels_for_unavailable_models: "a label may always name a version that is not available yet, and answers once it is",
  enable_per_model_batching_parameters: "the parameters of --batching_parameters_file are for all models",
  rest_api_num_threads: "each version computes in a thread of its own",
  max_num_load_retries: "what fails for a reason that may pass is tried again every 30 s, and broken files when they change",
  load_retry_interval_micros: "what fails for a reason that may pass is tried again every 30 s, and broken files when they change",
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

/** Flags of `ashore serve` alone: in a YAML file `config` makes no sense, and a model's keys stand with it. */
export const COMMAND_LINE_SETTINGS = {
  config: { kind: "path", schema: pathSchema, argument: "<file>", help: "a YAML file: model, base_path, port, or models as a list, and every other flag by its name" },
  model_name: { kind: "text", schema: modelNameSchema, argument: "<name>", help: "the name of the model (default: default)" },
  model_base_path: { kind: "path", schema: basePathSchema, argument: "<folder>", help: "the model repository: FOLDER/1, FOLDER/2, ..." },
} as const satisfies Readonly<Record<string, Setting>>;

export interface FlagSettings {
  readonly settings: Settings;
  /** The YAML file to read, as written. */
  readonly config?: string | undefined;
  /** One line each about what was passed over. */
  readonly notes: readonly string[];
}

const flagsSchema = v.object({
  ...settingValuesSchema.entries,
  config: v.optional(pathSchema),
  model_name: v.optional(modelNameSchema),
  model_base_path: v.optional(basePathSchema),
});

/** @throws CONFIG_INVALID with every fault, each with its flag */
export function settingsOfFlags(flags: Flags): FlagSettings {
  const read = Object.entries({ ...SETTINGS, ...COMMAND_LINE_SETTINGS }).map(([name, { kind }]) => [name, valueOf(flags[name], kind)]);
  const result = v.safeParse(flagsSchema, Object.fromEntries(read));
  if (!result.success) {
    const faults = result.issues.map((issue) => {
      const name = v.getDotPath(issue) ?? "";
      return `--${name}${flags[name] === true ? "" : `=${String(flags[name])}`} ${issue.message}`;
    });
    throw new AshoreError("CONFIG_INVALID", `${faults.join("; ")}.`);
  }
  const { config, model_name: name, model_base_path: basePath, ...values } = result.output;
  const models = name === undefined && basePath === undefined ? undefined : [{ name, basePath }];
  const inference = flags["inference"] === false ? false : undefined;
  const notes = Object.entries(FLAGS_WITHOUT_EFFECT).flatMap(([flag, why]) => (flags[flag] === undefined ? [] : [`--${flag} has no effect: ${why}.`]));
  if (values.rest_api_port !== undefined && values.port !== undefined) {
    notes.unshift(`--port=${values.port} is ignored beside --rest_api_port=${values.rest_api_port}: gRPC is not spoken.`);
  }
  return { settings: { ...values, models, inference }, config, notes };
}

const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, false: false, 1: true, 0: false };

/** What a flag's text says, left as it is where it says nothing of that kind. */
function valueOf(written: string | boolean | undefined, kind: Setting["kind"]): unknown {
  if (typeof written !== "string") return written;
  if (kind === "number" && /^-?[0-9]+(\.[0-9]+)?$/.test(written)) return Number(written);
  return kind === "boolean" ? (BOOLEANS[written] ?? written) : written;
}
