export { createApp, type App, type AppOptions } from "./app.ts";
export { readConfig, resolveConfig, type ModelSource, type ServerConfig } from "./config/index.ts";
export { startServer, type RunningServer, type StartOptions } from "./node.ts";
export { publishVersion, type PublishPorts, type PublishRequest, type PublishResult } from "./publish/index.ts";
export { initKeys, openSigner, type Signer } from "./sign/index.ts";
export { collectGarbage, createFolderStorage, type FileStorage } from "./storage/index.ts";
