import type { Log } from "../edge/index.ts";
import type { ServerConfig } from "./config/index.ts";
import type { Clock } from "./ports.ts";
import { publishInThread } from "./publish-in-thread.ts";
import { createRepositoryPublisher, type PublishOptions, type PublishRequest, type PublishResult, type ServingPorts } from "./publish/index.ts";
import { createRepositoryWatcher, type RepositoryEvent, type RepositoryWatcher } from "./repository/index.ts";
import type { ServerMetrics } from "./routes/metrics.ts";

export interface WatchOptions {
  readonly config: ServerConfig;
  readonly ports: ServingPorts;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ServerMetrics;
  /** Something was signed. */
  readonly onSigned: () => void;
}

/** The watcher of the configured model repositories, publishing in threads of their own, and telling the log and the metrics. */
export function watchRepositories({ config, ports, clock, log, metrics, onSigned }: WatchOptions): RepositoryWatcher {
  const publisher = createRepositoryPublisher({ ...ports, publish }, { savedModelTags: config.savedModelTags });
  return createRepositoryWatcher({ models: config.models, publisher, clock, report, pollSeconds: config.pollWaitSeconds });

  async function publish(request: PublishRequest, options: PublishOptions): Promise<PublishResult> {
    const { model, version } = request;
    log.info({ model, version }, "publishing");
    const began = clock.now();
    try {
      const result = await publishInThread(request, { dataDir: config.data }, options);
      if (result.outcome === "published") metrics.published(model, (clock.now() - began) / 1000);
      return result;
    } catch (thrown) {
      if (options.signal?.aborted !== true) metrics.publishFailed(model);
      throw thrown;
    }
  }

  function report(event: RepositoryEvent): void {
    switch (event.type) {
      case "published":
        log.info({ model: event.model, version: event.version }, event.outcome === "published" ? "published" : "published before, unchanged");
        for (const note of event.notes) log.warn({ model: event.model, version: event.version }, note);
        return onSigned();
      case "withdrawn":
        log.info({ model: event.model, versions: event.versions }, "withdrawn, because their folders are gone");
        return onSigned();
      case "configured":
        log.info({ model: event.model }, "serves by other settings now");
        return onSigned();
      case "retired":
        log.info({ model: event.model }, "taken from devices, because its repository is not watched any more");
        return onSigned();
      case "problem":
        return log.error({ model: event.model, ...(event.version === undefined ? {} : { version: event.version }), code: event.error.code }, event.error.message);
    }
  }
}
