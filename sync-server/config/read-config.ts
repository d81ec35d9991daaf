import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { AshoreError } from "../../protocol/errors.ts";
import { settingsOfFlags, type Flags } from "./flags.ts";
import { parseModelConfigFile } from "./model-config-file.ts";
import { resolveConfig, type SettingsSource } from "./resolve-config.ts";
import { DEFAULTS, type ServerConfig } from "./server-config.ts";
import type { Settings } from "./settings.ts";
import { parseYamlSettings } from "./yaml-settings.ts";

const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * The configuration of `ashore serve`: its flags, then the files that they name. `notes` are lines to tell the user.
 * @throws CONFIG_INVALID
 */
export async function readConfig(flags: Flags, workingFolder: string, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<{ readonly config: ServerConfig; readonly notes: readonly string[] }> {
  const { settings, config, modelConfigFile, notes } = settingsOfFlags(flags);
  if (modelConfigFile !== undefined && settings.models !== undefined) {
    throw new AshoreError("CONFIG_INVALID", "--model_config_file replaces --model_name and --model_base_path: give the file or the two flags.");
  }
  const sources: SettingsSource[] = [{ settings, folder: workingFolder, name: "the command line" }];
  if (modelConfigFile !== undefined) sources.push(await read("--model_config_file", modelConfigFile, parseModelConfigFile));
  if (config !== undefined) sources.push(await read("--config", config, parseYamlSettings));
  const resolved = resolveConfig(sources, workingFolder);
  const tags = resolved.savedModelTags.join();
  return { config: resolved, notes: tags === DEFAULTS.savedModelTags.join() ? notes : [...notes, `saved_model_tags=${tags} has no effect yet: TensorFlow.js graph models have no tags.`] };

  async function read(flag: string, file: string, parse: (text: string, file: string) => Settings): Promise<SettingsSource> {
    const path = resolve(workingFolder, file);
    let text: string;
    try {
      text = await readFile(path, { encoding: "utf8", signal: options.signal });
    } catch (cause) {
      options.signal?.throwIfAborted();
      throw new AshoreError("CONFIG_INVALID", `${flag}=${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause });
    }
    if (text.length > MAX_CONFIG_BYTES) throw new AshoreError("CONFIG_INVALID", `${flag}=${file} has more than ${MAX_CONFIG_BYTES} characters; it is hardly a configuration.`);
    return { settings: parse(text, file), folder: dirname(path), name: file };
  }
}
