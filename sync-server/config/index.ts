export { FLAGS_WITHOUT_EFFECT, settingsOfFlags, type Flags } from "./flags.ts";
export { readConfig } from "./read-config.ts";
export { resolveConfig, type SettingsSource } from "./resolve-config.ts";
export { DEFAULTS, type ModelSource, type ServerConfig } from "./server-config.ts";
