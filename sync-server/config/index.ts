export { FLAGS_WITHOUT_EFFECT, type Flags } from "./flags.ts";
export { readConfig } from "./read-config.ts";
export { resolveConfig, type SettingsSource } from "./resolve-config.ts";
export type { DemoSource, ModelSource, ServerConfig } from "./server-config.ts";
