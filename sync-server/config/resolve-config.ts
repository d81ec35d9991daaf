import { resolve } from "node:path";
import { DEFAULT_BATCHING, type BatchingParameters } from "../../protocol/batching.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { MonitoringFile } from "./monitoring-file.ts";
import { DEFAULTS, type AnswerConfig, type ModelSource, type ServerConfig } from "./server-config.ts";
import { SETTINGS, type ModelSettings, type SettingName, type Settings, type SettingValues } from "./settings.ts";

/** Settings and the folder that their relative paths start from. */
export interface SettingsSource {
  readonly settings: Settings;
  readonly folder: string;
  /** What to call it in a fault: a file's name, or the command line. */
  readonly name: string;
}

/** What the files say that the settings name. */
export interface NamedFiles {
  readonly models?: readonly ModelSettings[] | undefined;
  readonly monitoring?: MonitoringFile;
  readonly batching?: BatchingParameters | undefined;
}

/**
 * One whole configuration from its sources, the strongest first (the command line before the file). Pure: `folder`s are
 * absolute.
 * @throws CONFIG_INVALID
 */
export function resolveConfig(sources: readonly SettingsSource[], workingFolder: string, files: NamedFiles = {}): ServerConfig {
  const values = valuesOf(sources);
  const { ssl_cert: cert, ssl_key: key } = values;
  if ((cert === undefined) !== (key === undefined)) {
    throw new AshoreError("CONFIG_INVALID", `${cert === undefined ? "ssl_key" : "ssl_cert"} is given without ${cert === undefined ? "ssl_cert" : "ssl_key"}: TLS takes both, or neither.`);
  }
  const anchored = sources.map(anchor);
  const { model_config_file: path } = values;
  return {
    ...answersOf(values, files),
    models: files.models === undefined || path === undefined ? modelsOf(anchored) : modelSources(files.models, path),
    modelConfigFile: path === undefined ? undefined : { path, pollWaitSeconds: values.model_config_file_poll_wait_seconds ?? DEFAULTS.modelConfigPollWaitSeconds },
    data: values.data ?? resolve(workingFolder, DEFAULTS.data),
    host: values.host ?? DEFAULTS.host,
    port: values.rest_api_port ?? values.port ?? DEFAULTS.port,
    pollWaitSeconds: values.file_system_poll_wait_seconds ?? DEFAULTS.pollWaitSeconds,
    inference: anchored.find(({ settings }) => settings.inference !== undefined)?.settings.inference ?? DEFAULTS.inference,
    tls: cert !== undefined && key !== undefined ? { cert, key } : undefined,
    savedModelTags: values.saved_model_tags ?? DEFAULTS.savedModelTags,
    demo: anchored.find(({ settings }) => settings.demo !== undefined)?.settings.demo,
  };
}

/** How requests are answered. @throws CONFIG_INVALID for a batching parameters file without batching, as TensorFlow Serving has it */
export function answersOf(values: SettingValues, { monitoring, batching }: NamedFiles): AnswerConfig {
  const isBatching = values.enable_batching ?? false;
  if (!isBatching && values.batching_parameters_file !== undefined) {
    throw new AshoreError("CONFIG_INVALID", "You supplied --batching_parameters_file without --enable_batching: add --enable_batching=true, or leave the file out.");
  }
  return {
    timeoutMs: values.rest_api_timeout_in_ms ?? DEFAULTS.timeoutMs,
    cors: values.rest_api_enable_cors_support ?? DEFAULTS.cors,
    dialect: { strictJson: values.strict_json ?? false, extendedDtypes: values.extended_dtypes ?? false },
    metricsPath: monitoring === "off" ? null : (monitoring?.path ?? DEFAULTS.metricsPath),
    batching: isBatching ? (batching ?? DEFAULT_BATCHING) : undefined,
    warmup: {
      enabled: values.enable_model_warmup ?? DEFAULTS.warmup.enabled,
      iterations: values.num_request_iterations_for_warmup ?? DEFAULTS.warmup.iterations,
    },
  };
}

/** What is set under each name, by the strongest source that sets it; the file of models only where no stronger source has models. */
export function valuesOf(sources: readonly SettingsSource[]): SettingValues {
  const anchored = sources.map(anchor);
  const withModels = anchored.find(({ settings }) => settings.models !== undefined || settings.model_config_file !== undefined);
  const found = Object.keys(SETTINGS).map((name) => [name, anchored.find(({ settings }) => settings[name as SettingName] !== undefined)?.settings[name as SettingName]]);
  return { ...(Object.fromEntries(found) as SettingValues), model_config_file: withModels?.settings.model_config_file };
}

function anchor(source: SettingsSource): SettingsSource {
  const { settings, folder } = source;
  const paths = Object.entries(SETTINGS).flatMap(([name, { kind }]): [string, string][] => {
    const path = settings[name as SettingName];
    return kind === "path" && typeof path === "string" ? [[name, resolve(folder, path)]] : [];
  });
  return {
    ...source,
    settings: {
      ...settings,
      ...Object.fromEntries(paths),
      models: settings.models?.map((model) => ({ ...model, basePath: model.basePath === undefined ? undefined : resolve(folder, model.basePath) })),
      demo: settings.demo && { ...settings.demo, site: resolve(folder, settings.demo.site), next: { ...settings.demo.next, folder: resolve(folder, settings.demo.next.folder) } },
    },
  };
}

/** A list replaces a list; one model's name or path on the command line changes the one model that the file names. */
function modelsOf(sources: readonly SettingsSource[]): readonly ModelSource[] {
  const [strong, weak] = sources.filter(({ settings }) => settings.models !== undefined);
  const models = strong?.settings.models;
  if (strong === undefined || models === undefined) return [];
  const [only] = models;
  const below = weak?.settings.models;
  if (models.length === 1 && only !== undefined && below !== undefined && (only.name === undefined || only.basePath === undefined)) {
    if (below.length !== 1) {
      throw new AshoreError(
        "CONFIG_INVALID",
        `${strong.name} gives only the ${only.name === undefined ? "base path" : "name"} of a model, and ${weak?.name ?? "the file"} lists ${below.length} models: give both --model_name and --model_base_path, which replaces the list.`,
      );
    }
    return modelSources([{ ...below[0], ...defined(only) }], strong.name);
  }
  return modelSources(models, strong.name);
}

/** @throws CONFIG_INVALID for a model without a base path, or one that is there twice */
export function modelSources(models: readonly ModelSettings[], where: string): readonly ModelSource[] {
  const names = new Set<string>();
  return models.map(({ name = DEFAULTS.modelName, basePath, policy = DEFAULTS.policy, labels = {} }) => {
    if (basePath === undefined) {
      throw new AshoreError("CONFIG_INVALID", `${where}: model ${name} has no base path: add \`base_path: FOLDER\` (or --model_base_path=FOLDER), the folder that holds ${name}'s versions as FOLDER/1, FOLDER/2, ...`);
    }
    if (names.has(name)) throw new AshoreError("CONFIG_INVALID", `${where}: the model ${name} stands in the list twice; each name can stand for one base path only.`);
    names.add(name);
    return { name, basePath, policy, labels };
  });
}

function defined(model: ModelSettings): ModelSettings {
  return Object.fromEntries(Object.entries(model).filter(([, value]) => value !== undefined));
}
