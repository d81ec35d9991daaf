import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { AshoreError } from "../../protocol/errors.ts";
import { parseBatchingFile } from "./batching-file.ts";
import { settingsOfFlags, type Flags } from "./flags.ts";
import { parseModelConfigFile } from "./model-config-file.ts";
import { parseMonitoringFile } from "./monitoring-file.ts";
import { answersOf, modelSources, resolveConfig, valuesOf, type NamedFiles, type SettingsSource } from "./resolve-config.ts";
import type { AnswerConfig, ModelSource, ServerConfig } from "./server-config.ts";
import { ANSWER_SETTINGS, type SettingValues } from "./settings.ts";
import { parseYamlSettings } from "./yaml-settings.ts";

const MAX_CONFIG_BYTES = 1024 * 1024;

interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * The configuration of `ashore serve`: its flags, then the files that they name. `notes` are lines to tell the user.
 * @throws CONFIG_INVALID
 */
export async function readConfig(flags: Flags, workingFolder: string, options: ReadOptions = {}): Promise<{ readonly config: ServerConfig; readonly notes: readonly string[] }> {
  const { settings, config, notes } = settingsOfFlags(flags);
  if (settings.model_config_file !== undefined && settings.models !== undefined) {
    throw new AshoreError("CONFIG_INVALID", "--model_config_file replaces --model_name and --model_base_path: give the file or the two flags.");
  }
  const sources: SettingsSource[] = [{ settings, folder: workingFolder, name: "the command line" }];
  if (config !== undefined) {
    const path = resolve(workingFolder, config);
    sources.push({ settings: parseYamlSettings(await textOf("config", path, config, options), config), folder: dirname(path), name: config });
  }
  const values = valuesOf(sources);
  const files = await readNamedFiles(values, options);
  return { config: resolveConfig(sources, workingFolder, files), notes: [...notes, ...files.notes] };
}

/** How requests are answered, of the flags that say so; others are passed over. @throws CONFIG_INVALID */
export async function readAnswerConfig(flags: Flags, workingFolder: string, options: ReadOptions = {}): Promise<{ readonly config: AnswerConfig; readonly notes: readonly string[] }> {
  const { settings, notes } = settingsOfFlags(Object.fromEntries(Object.keys(ANSWER_SETTINGS).map((name) => [name, flags[name]])));
  const values = valuesOf([{ settings, folder: workingFolder, name: "the command line" }]);
  const files = await readNamedFiles(values, options);
  return { config: answersOf(values, files), notes: [...notes, ...files.notes] };
}

/** The models of a `--model_config_file` at an absolute path. @throws CONFIG_INVALID */
export async function readModelConfigFile(path: string, options: ReadOptions = {}): Promise<{ readonly models: readonly ModelSource[]; readonly notes: readonly string[] }> {
  const { models, notes } = parseModelConfigFile(await textOf("model_config_file", path, path, options), path);
  return { models: modelSources(models, path), notes };
}

async function readNamedFiles(values: SettingValues, options: ReadOptions): Promise<NamedFiles & { readonly notes: readonly string[] }> {
  const parsed = async <T>(name: "model_config_file" | "monitoring_config_file" | "batching_parameters_file", parse: (text: string, file: string) => T): Promise<T | undefined> => {
    const path = values[name];
    return path === undefined ? undefined : parse(await textOf(name, path, path, options), path);
  };
  const models = await parsed("model_config_file", parseModelConfigFile);
  const monitoring = await parsed("monitoring_config_file", parseMonitoringFile);
  const batching = await parsed("batching_parameters_file", parseBatchingFile);
  return { models: models?.models, monitoring, batching: batching?.batching, notes: [...(models?.notes ?? []), ...(batching?.notes ?? [])] };
}

/** @param written the path as the user knows it */
async function textOf(name: string, path: string, written: string, { signal }: ReadOptions): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, { encoding: "utf8", signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new AshoreError("CONFIG_INVALID", `--${name}=${written} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause });
  }
  if (text.length > MAX_CONFIG_BYTES) throw new AshoreError("CONFIG_INVALID", `--${name}=${written} has more than ${MAX_CONFIG_BYTES} characters; it is hardly a configuration.`);
  return text;
}
