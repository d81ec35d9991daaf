export type { PublishedVersion, RepositoryEvent, RepositoryPublisher, RepositoryStatus, RepositoryVersionStatus, WatchedModel } from "./ports.ts";
export { createRepositoryWatcher, type RepositoryWatcher, type RepositoryWatcherOptions } from "./watcher.ts";
