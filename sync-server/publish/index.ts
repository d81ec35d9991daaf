export { buildVersion, type BuildOptions, type BuildPorts, type BuildProgress, type BuiltVersion } from "./build-version.ts";
export { addVersion, keepPresent, revertTo, servingConfigFor, type ServingRecord, type ServingSettings } from "./policy.ts";
