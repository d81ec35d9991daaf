export type { BuildProgress } from "./build-version.ts";
export { changeServing, readServing, type ServingChange, type ServingPorts, type ServingView } from "./change-serving.ts";
export { addVersion, keepPresent, revertTo, servingConfigFor, type ServingRecord, type ServingSettings } from "./policy.ts";
export { preparePublish, publishSigned, publishTo, type PreparedPublish, type PublisherRole, type PublishServer, type PublishToPorts, type PublishToRequest, type SentResult } from "./publish-to.ts";
export { publishVersion, type PublishOptions, type PublishPorts, type PublishRequest, type PublishResult } from "./publish-version.ts";
export { createRepositoryPublisher, type RepositoryPublisherOptions, type RepositoryPublisherPorts } from "./repository-publisher.ts";
export { receiveRole, type ReceivedRole, type ReceivePorts, type RoleUpload } from "./receive-role.ts";
