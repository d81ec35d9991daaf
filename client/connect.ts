import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import type { HelloValue } from "../protocol/messages.ts";
import { modelName } from "../protocol/names.ts";
import { abortable } from "./abortable.ts";
import type { Connection } from "./connection.ts";
import { offerEngines } from "./engine-offers.ts";
import { greet } from "./greet.ts";
import { keepSite } from "./keep-site.ts";
import { createModel } from "./model.ts";
import { News } from "./news.ts";
import { pageLife } from "./page-life.ts";
import { PageTarget } from "./page-target.ts";
import { requirePlatform } from "./platform.ts";
import { Poll } from "./poll.ts";
import type { Target } from "./ports.ts";
import { readPixels } from "./read-pixels.ts";
import { Requests } from "./requests.ts";
import { inRounds } from "./rounds.ts";
import { ServiceWorkerTarget } from "./service-worker-target.ts";
import { hostRole, settingsOf, type Settings } from "./settings.ts";
import type { Ashore, ConnectOptions } from "./types.ts";

/**
 * Connects this page to the runtime of its scope: in a service worker, which is registered where there is none, or in a worker
 * of the page where the browser has none to give. Resolves when the runtime answers; models are looked for from then on.
 *
 * A newer version of the service worker's script takes over as soon as it is installed, also while this page is open: page
 * and worker depend on each other by a numbered protocol alone. `signal` ends the connecting, and nothing after it.
 *
 * @throws INSECURE_ORIGIN, WORKER_CONFLICT (the scope has a service worker that does not know Ashore, or serves another
 * server), PROTOCOL_MISMATCH (page and worker are of different releases; the message says which to renew), WORKER_FAILED,
 * NAME_INVALID, CANCELLED, DEADLINE_EXCEEDED
 */
export async function connect(options: ConnectOptions = {}): Promise<Ashore> {
  const { signal, persist = true } = options;
  requirePlatform(globalThis);
  const settings = settingsOf(options, document.baseURI);
  const container = serviceWorkers();
  const wasControlled = Boolean(container?.controller);
  const closing = new AbortController();

  const target = await openTarget(settings, container, signal);
  const requests = new Requests({ target, locks: navigator.locks, timers: pageLife, openChannel: () => new MessageChannel() });
  const where = (): string => `${target instanceof ServiceWorkerTarget ? target.script : settings.worker} of ${settings.scope}`;
  // Before the first message: it may start a service worker, which asks at once for what computes a heavy model.
  const stopOffers = target instanceof ServiceWorkerTarget && container !== undefined ? offerEngines({ serviceWorker: container, workerUrl: settings.worker }) : undefined;
  let hello: HelloValue;
  try {
    hello = await greet({ target, requests, timers: pageLife, hello: settings.hello, where, signal });
  } catch (thrown) {
    const error = asAshoreError(thrown, "WORKER_FAILED");
    requests.close(error);
    stopOffers?.();
    target.close();
    throw error;
  }
  requests.greetWith(async () => (hello = await requests.ask(settings.hello)));

  // Where it is granted the browser no longer deletes the models when its disk is full; nothing depends on it.
  if (persist) void navigator.storage.persist().catch(() => false);
  const news = new News(new BroadcastChannel(hello.news));
  const keepsSite = container !== undefined && hello.keepsSite && !wasControlled;
  const siteKept = keepsSite ? keepSite(requests, container, pageLife, closing.signal) : Promise.resolve();
  const connection: Connection = { asker: requests, news, siteKept, readPixels, closing: closing.signal };
  const poll = new Poll({ asker: requests, news, page: pageLife, pollSeconds: hello.pollSeconds });

  return {
    get host() {
      return hello.host;
    },
    get persisted() {
      return hello.persisted;
    },
    model: (name, selection) => createModel(connection, name, selection),
    models: (how) => requests.ask({ type: "models" }, how),
    sync: async (how) => {
      await inRounds(requests, { type: "sync" }, how);
      await inRounds(requests, { type: "settle" }, how);
    },
    stored: (how) => requests.ask({ type: "stored" }, how),
    remove: async (name, how) => {
      await requests.ask({ type: "remove", model: modelName(name) }, how);
    },
    close: async () => {
      const error = new AshoreError("CANCELLED", "The connection was closed.");
      closing.abort(error);
      poll.close();
      requests.close(error);
      news.close();
      stopOffers?.();
      target.close();
    },
  };
}

/** The service worker, or the page's own worker where there can be none: none is wanted, or the browser refuses it here. */
async function openTarget(settings: Settings, container: ServiceWorkerContainer | undefined, signal: AbortSignal | undefined): Promise<Target> {
  const { serviceWorker, scope, worker } = settings;
  let refusal: AshoreError | undefined;
  if (serviceWorker !== undefined && container !== undefined) {
    const target = new ServiceWorkerTarget({ container, timers: pageLife, script: serviceWorker, scope });
    try {
      await abortable(target.worker(), signal);
      return target;
    } catch (thrown) {
      target.close();
      if (signal?.aborted === true) throw thrown;
      refusal = asAshoreError(thrown, "WORKER_FAILED");
      console.warn(`ashore: this page runs its models itself, as there is no service worker ${serviceWorker}: ${refusal.message}`);
    }
  }
  return new PageTarget({ script: worker, role: hostRole(settings), refusal });
}

/** A sandboxed frame throws where private windows have none. */
function serviceWorkers(): ServiceWorkerContainer | undefined {
  try {
    return navigator.serviceWorker;
  } catch {
    return undefined;
  }
}
