export type { BuildProgress } from "./build-version.ts";
export { changeServing, readServing, type ServingChange, type ServingPorts, type ServingView } from "./change-serving.ts";
export { addVersion, keepPresent, revertTo, servingConfigFor, type ServingRecord, type ServingSettings } from "./policy.ts";
export { publishVersion, type PublishOptions, type PublishPorts, type PublishRequest, type PublishResult } from "./publish-version.ts";
export { createRepositoryPublisher, type RepositoryPublisherOptions, type RepositoryPublisherPorts } from "./repository-publisher.ts";
