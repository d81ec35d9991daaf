import * as v from "valibot";
import type { ModelName, Version } from "../../protocol/names.ts";
import type { VersionPolicy } from "../../protocol/serving-config.ts";
import { booleanSchema, countSchema, millisecondsSchema, pathSchema, portSchema, secondsSchema, tagsSchema } from "./schemas.ts";
import type { DemoSource } from "./server-config.ts";

/** What can be set under one name, on the command line as `--NAME` and in a YAML file as `NAME:`. */
export interface Setting<Schema extends v.GenericSchema<unknown, unknown> = v.GenericSchema<unknown, unknown>> {
  readonly schema: Schema;
  /** How its text on a command line is read; a path is relative to the working folder, or to the folder of the file that says it. */
  readonly kind: "text" | "path" | "number" | "boolean";
  /** What a command's help calls its value. */
  readonly argument: string;
  readonly help: string;
}

function setting<Schema extends v.GenericSchema<unknown, unknown>>(kind: Setting["kind"], schema: Schema, argument: string, help: string): Setting<Schema> {
  return { kind, schema, argument, help };
}

/** Settings of how requests are answered: TensorFlow Serving's, on a server and on an edge alike. */
export const ANSWER_SETTINGS = {
  rest_api_timeout_in_ms: setting("number", millisecondsSchema, "<ms>", "how long a request may take; 0 or less for no bound (default: 30000)"),
  rest_api_enable_cors_support: setting("boolean", booleanSchema, "[boolean]", "let pages of other origins call /v1 (default: false)"),
  strict_json: setting("boolean", booleanSchema, "[boolean]", "answer JSON by the RFC where TensorFlow Serving does not: NaN, infinities, bytes, empty refusals (default: false)"),
  extended_dtypes: setting("boolean", booleanSchema, "[boolean]", "take and answer half, bfloat16 and uint16 tensors (default: false)"),
  monitoring_config_file: setting("path", pathSchema, "<file>", "where Prometheus finds metrics, as text proto (default: /monitoring/prometheus/metrics)"),
  enable_batching: setting("boolean", booleanSchema, "[boolean]", "compute requests that wait together (default: false)"),
  batching_parameters_file: setting("path", pathSchema, "<file>", "how to put batches together, as text proto; with --enable_batching"),
  enable_model_warmup: setting("boolean", booleanSchema, "[boolean]", "replay a version's warm-up records before it answers (default: true)"),
  num_request_iterations_for_warmup: setting("number", countSchema, "<count>", "how often each warm-up record is replayed (default: 1)"),
} as const;

/** Settings of a server. */
export const SETTINGS = {
  model_config_file: setting("path", pathSchema, "<file>", "TensorFlow Serving's list of models, as text proto"),
  model_config_file_poll_wait_seconds: setting("number", secondsSchema, "<seconds>", "seconds between two readings of that file; 0 reads it once (default: 0)"),
  rest_api_port: setting("number", portSchema, "<port>", "the HTTP port; 0 picks a free one (default: 8501)"),
  port: setting("number", portSchema, "<port>", "the HTTP port too, where rest_api_port is not given"),
  host: setting("text", pathSchema, "<address>", "the address to listen at (default: 127.0.0.1)"),
  data: setting("path", pathSchema, "<folder>", "keys, metadata and blobs (default: .ashore)"),
  file_system_poll_wait_seconds: setting("number", secondsSchema, "<seconds>", "seconds between two looks at the repositories; 0 looks once (default: 1)"),
  saved_model_tags: setting("text", tagsSchema, "<tags>", "tags of the meta graph to take out of a SavedModel, separated by commas (default: serve)"),
  ssl_cert: setting("path", pathSchema, "<file>", "certificate chain, PEM; with ssl_key serves HTTPS"),
  ssl_key: setting("path", pathSchema, "<file>", "private key, PEM"),
  ...ANSWER_SETTINGS,
} as const;

export type SettingName = keyof typeof SETTINGS;

type Entries = { readonly [Name in SettingName]: (typeof SETTINGS)[Name]["schema"] };
export type SettingValues = { readonly [Name in SettingName]?: v.InferOutput<Entries[Name]> | undefined };

/**
 * What one source of settings (the command line, a YAML file) says. A source that is silent about a key leaves it to the next
 * one, and the last to `DEFAULTS`.
 */
export interface Settings extends SettingValues {
  readonly models?: readonly ModelSettings[] | undefined;
  readonly inference?: boolean | undefined;
  readonly demo?: DemoSource | undefined;
}

export interface ModelSettings {
  readonly name?: ModelName | undefined;
  readonly basePath?: string | undefined;
  readonly policy?: VersionPolicy | undefined;
  readonly labels?: Readonly<Record<string, Version>> | undefined;
}

// Object.fromEntries forgets which schema stands under which name; the table's own type says it.
const ENTRIES = Object.fromEntries(Object.entries(SETTINGS).map(([name, { schema }]) => [name, schema])) as Entries;

/** All settings by name, each of which may be absent. */
export const settingValuesSchema = v.partial(v.object(ENTRIES));
