export { COMMAND_LINE_SETTINGS, FLAGS_WITHOUT_EFFECT, type Flags } from "./flags.ts";
export { readAnswerConfig, readConfig, readModelConfigFile } from "./read-config.ts";
export { resolveConfig, type SettingsSource } from "./resolve-config.ts";
export { warmUpOptions, type AnswerConfig, type DemoSource, type ModelConfigSource, type ModelSource, type ServerConfig } from "./server-config.ts";
export { ANSWER_SETTINGS, SETTINGS, type Setting } from "./settings.ts";
