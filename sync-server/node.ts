import { join } from "node:path";
import { createApp } from "./app.ts";
import { createBell, keepSigned, noticeNews } from "./background.ts";
import type { ServerConfig } from "./config/index.ts";
import { startEmbeddedRuntime, type EmbeddedRuntime } from "./embedded-runtime.ts";
import { listen } from "./listen.ts";
import type { Log } from "./log.ts";
import { repositoryView } from "./repository-view.ts";
import { createStaticFiles } from "./routes/static-files.ts";
import { staticPath } from "./routes/static-path.ts";
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
  let runtime: EmbeddedRuntime | undefined;
  const app = createApp({
    storage,
    files,
    now: () => clock.now(),
    configured: config.models.map(({ name }) => name),
    repository: repositoryView(() => watcher.status()),
    inference: config.inference ? () => runtime : undefined,
  });
  const watcher = watchRepositories({ config, ports: { storage, signer }, clock, log, metrics: app.metrics, onSigned });
  const listener = await listen({ config, app, files, log });

  const ending = new AbortController();
  const background = { clock, log, signal: ending.signal };
  const tasks: Promise<void>[] = [];
  try {
    if (config.inference) runtime = await startEmbeddedRuntime({ config, app, log, signal: ending.signal });
  } catch (thrown) {
    await listener.drain();
    throw thrown;
  }
  tasks.push(keepSigned(signer, background, onSigned), watcher.run({ signal: ending.signal }), noticeNews(timestampMark, async () => runtime?.sync(), bell, background));

  async function timestampMark(): Promise<string | undefined> {
    const path = staticPath("/metadata/timestamp.json");
    return path === undefined ? undefined : (await files.find(path))?.representation.etag;
  }

  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    ending.abort();
    await listener.drain();
    await Promise.allSettled(tasks);
    await runtime?.close();
  }
  const closed = new Promise<void>((resolve, reject) => {
    const end = (): void => void (closing ??= close()).then(resolve, reject);
    if (signal?.aborted === true) end();
    else signal?.addEventListener("abort", end, { once: true });
    ending.signal.addEventListener("abort", end, { once: true });
  });
  return {
    url: listener.url,
    closed,
    close: () => {
      ending.abort();
      return closed;
    },
  };
}
