import { join } from "node:path";
import type { EdgeRuntime, Log } from "../edge/index.ts";
import { asAshoreError } from "../protocol/errors.ts";
import { createApp } from "./app.ts";
import { createBell, keepSigned, noticeNews } from "./background.ts";
import { BROWSER_FOLDER, builtFiles } from "./built-files.ts";
import type { ServerConfig } from "./config/index.ts";
import { createDemo } from "./demo.ts";
import { createEmbeddedRuntime } from "./embedded-runtime.ts";
import { followModelConfig } from "./follow-model-config.ts";
import { listen } from "./listen.ts";
import { publishInThread } from "./publish-in-thread.ts";
import { publisherUploads } from "./publisher-uploads.ts";
import { repositoryView } from "./repository-view.ts";
import { createStaticFiles } from "./routes/static-files.ts";
import { initKeys, openSigner } from "./sign/index.ts";
import { createFolderStorage } from "./storage/index.ts";
import { systemClock } from "./system-clock.ts";
import { watchRepositories } from "./watch-repositories.ts";
import type { WithSignal } from "./with-signal.ts";

export interface RunningServer {
  /** `http://HOST:PORT`. */
  readonly url: string;
  /** Resolves when the server has ended: after `close`, or after the signal was aborted. */
  readonly closed: Promise<void>;
  /** Takes no more requests, lets those under way end, and frees everything. */
  close(): Promise<void>;
}

export interface StartOptions extends WithSignal {
  readonly log: Log;
}

/**
 * The whole server in this process: signs, watches, publishes, serves, and (unless told not to) runs the models itself, as one
 * more device that takes its versions from the same folder. Resolves when it can answer; models load meanwhile, `/readyz`
 * says how far they are.
 * @throws CONFIG_INVALID, KEY_MISSING, STORE_CORRUPT, STORE_LOCKED, STORE_FAILED, CANCELLED
 */
export async function startServer(config: ServerConfig, { log, signal }: StartOptions): Promise<RunningServer> {
  const clock = systemClock;
  const { created } = await initKeys(config.data, { signal });
  if (created) log.warn({ folder: join(config.data, "keys") }, "made new signing keys, for development: who can read them can publish to every device that trusts this server");
  const signer = await openSigner({ dataDir: config.data, clock, signal });

  const storage = createFolderStorage(config.data);
  const files = createStaticFiles({ storage, now: () => performance.now() });
  const bell = createBell();
  const onSigned = (): void => {
    files.refresh();
    bell.ring();
  };
  let embedded: EdgeRuntime | undefined;
  const app = createApp({
    storage,
    files,
    now: () => clock.now(),
    configured: () => [...watcher.status().keys()],
    repository: repositoryView(() => watcher.status()),
    inference: config.inference ? () => embedded?.runtime : undefined,
    browserFiles: builtFiles(BROWSER_FOLDER),
    write: publisherUploads({ dataDir: config.data, storage, signer, clock, log, onSigned }),
    cors: config.cors,
    metricsPath: config.metricsPath,
    demo: config.demo && createDemo(config.demo, { storage, signer, clock, onSigned, publish: (request, options) => publishInThread(request, { dataDir: config.data }, options) }),
  });
  const watcher = watchRepositories({ config, ports: { storage, signer, clock }, clock, log, metrics: app.metrics, onSigned });
  const listener = await listen({ config, app, files, log });

  const ending = new AbortController();
  const background = { clock, log, signal: ending.signal };
  const tasks: Promise<void>[] = [];
  let closing: Promise<void> | undefined;

  /** Tasks end with the server; one that ends by a fault takes nothing else with it. */
  function run(what: string, task: Promise<void>): void {
    tasks.push(task.catch((thrown: unknown) => log.error({ code: asAshoreError(thrown).code }, `${what} ended: ${asAshoreError(thrown).message}`)));
  }

  function close(): Promise<void> {
    closing ??= (async () => {
      ending.abort();
      await listener.drain();
      await Promise.allSettled(tasks);
      await embedded?.close();
    })();
    return closing;
  }

  try {
    if (config.inference) embedded = await createEmbeddedRuntime({ dataDir: config.data, server: listener.url, app, answers: config, log, onLost: () => ending.abort() });
    run("keeping signatures fresh", keepSigned(signer, background, onSigned));
    if (config.modelConfigFile !== undefined) {
      // The file is the whole list, also of what was published before this start.
      await watcher.setModels(config.models, { signal });
      run("reading the model config file", followModelConfig(config.modelConfigFile, config.models, (models) => watcher.setModels(models, { signal: ending.signal }), background));
    }
    run("watching model repositories", watcher.run({ signal: ending.signal }));
    run("taking in what was signed", noticeNews(timestampMark, async () => embedded?.runtime.sync({ signal: ending.signal }), bell, background));
    await embedded?.runtime.start({ signal });
  } catch (thrown) {
    await close();
    throw thrown;
  }

  async function timestampMark(): Promise<string | undefined> {
    return (await files.find("/metadata/timestamp.json"))?.representation.etag;
  }

  const closed = new Promise<void>((resolve, reject) => {
    const end = (): void => void close().then(resolve, reject);
    for (const cause of [signal, ending.signal]) {
      if (cause?.aborted === true) end();
      else cause?.addEventListener("abort", end, { once: true });
    }
  });
  return { url: listener.url, closed, close };
}
