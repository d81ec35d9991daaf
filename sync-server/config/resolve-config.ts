import { resolve } from "node:path";
import { AshoreError } from "../../protocol/errors.ts";
import { DEFAULTS, type ModelSource, type ServerConfig } from "./server-config.ts";
import type { ModelSettings, Settings } from "./settings.ts";

/** Settings and the folder that their relative paths start from. */
export interface SettingsSource {
  readonly settings: Settings;
  readonly folder: string;
  /** What to call it in a fault: a file's name, or the command line. */
  readonly name: string;
}

/**
 * One whole configuration from its sources, the strongest first (the command line before the file). Pure: `folder`s are
 * absolute.
 * @throws CONFIG_INVALID
 */
export function resolveConfig(sources: readonly SettingsSource[], workingFolder: string): ServerConfig {
  const anchored = sources.map(anchor);
  function first<Key extends keyof Settings>(key: Key): Settings[Key] {
    return anchored.find(({ settings }) => settings[key] !== undefined)?.settings[key];
  }
  const cert = first("sslCert");
  const key = first("sslKey");
  if ((cert === undefined) !== (key === undefined)) {
    throw new AshoreError("CONFIG_INVALID", `${cert === undefined ? "ssl_key" : "ssl_cert"} is given without ${cert === undefined ? "ssl_cert" : "ssl_key"}: TLS takes both, or neither.`);
  }
  return {
    models: modelsOf(anchored),
    data: first("data") ?? resolve(workingFolder, DEFAULTS.data),
    host: first("host") ?? DEFAULTS.host,
    port: first("port") ?? DEFAULTS.port,
    pollWaitSeconds: first("pollWaitSeconds") ?? DEFAULTS.pollWaitSeconds,
    inference: first("inference") ?? DEFAULTS.inference,
    tls: cert !== undefined && key !== undefined ? { cert, key } : undefined,
    savedModelTags: first("savedModelTags") ?? DEFAULTS.savedModelTags,
    demo: first("demo"),
  };
}

function anchor(source: SettingsSource): SettingsSource {
  const { settings, folder } = source;
  const at = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(folder, path));
  return {
    ...source,
    settings: {
      ...settings,
      models: settings.models?.map((model) => ({ ...model, basePath: at(model.basePath) })),
      data: at(settings.data),
      sslCert: at(settings.sslCert),
      sslKey: at(settings.sslKey),
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
    return checked([{ ...below[0], ...defined(only) }], strong.name);
  }
  return checked(models, strong.name);
}

function checked(models: readonly ModelSettings[], where: string): readonly ModelSource[] {
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
