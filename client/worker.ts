import { answerMessage, type AnswerOptions } from "../browser/answer-messages.ts";
import { ApartEngineHost } from "../browser/apart-engine-host.ts";
import { browserClock } from "../browser/browser-clock.ts";
import { createBrowserHost } from "../browser/browser-host.ts";
import { WASM_DIGESTS } from "../browser/build-info.ts";
import { EngineWorker } from "../browser/engine-worker.ts";
import { holdLifeLock, holdSign } from "../browser/life-lock.ts";
import { newsChannelName } from "../browser/news.ts";
import { readRole } from "../browser/read-role.ts";
import { runtimeFiles } from "../browser/runtime-files.ts";
import { browserBackends } from "../engine/browser-backends.ts";
import { createInProcessEngineHost, type InProcessEngineHost } from "../engine/in-process-host.ts";
import { threadsInUse } from "../engine/threads-in-use.ts";
import { AshoreError, toWireError } from "../protocol/errors.ts";
import type { Backend } from "../protocol/manifest.ts";
import { MESSAGE_PROTOCOL, type WorkerDown, type WorkerRole, type WorkerUp } from "../protocol/messages.ts";
import type { EngineHost } from "../runtime/index.ts";
import { lendWorker } from "./lend-worker.ts";

/**
 * The script of a page's dedicated workers: it computes one servable for whoever holds the port that it got last, or hosts a whole
 * runtime for its page, as its first message says.
 */

declare const self: DedicatedWorkerGlobalScope;

const life = holdLifeLock();
life.catch(() => undefined);

let answers: AnswerOptions | undefined;
let engine: EngineWorker | undefined;

self.addEventListener("message", (event) => {
  if (answers !== undefined) {
    void answerMessage(event, answers);
    return;
  }
  const [port] = event.ports;
  try {
    const role = readRole(event.data);
    if (role.role === "host") answers = { life, host: hostRuntime(role) };
    else if (port !== undefined) (engine ??= engineWorker(role)).serve(port, role.owner);
  } catch (thrown) {
    port?.postMessage({ type: "failed", error: toWireError(thrown) });
  }
});

self.postMessage({ type: "up" } satisfies WorkerUp);

function engineWorker({ server, scope }: Extract<WorkerRole, { role: "engine" }>): EngineWorker {
  const turns = new MessageChannel();
  turns.port2.start();
  const worker = new EngineWorker({
    life,
    locks: navigator.locks,
    clock: browserClock,
    engine: engineHere(server, scope),
    threads: threadsInUse,
    turn: () =>
      new Promise((resolve) => {
        turns.port2.addEventListener("message", () => resolve(), { once: true });
        turns.port1.postMessage(null);
      }),
    show: (name) => holdSign(name),
    end: () => {
      self.postMessage({ type: "down" } satisfies WorkerDown);
      self.close();
    },
  });
  self.addEventListener("error", ({ message }) => worker.fail(new AshoreError("ENGINE_CRASHED", `The engine's worker failed: ${message}`)));
  return worker;
}

function hostRuntime({ scope }: Extract<WorkerRole, { role: "host" }>): AnswerOptions["host"] {
  const channel = new BroadcastChannel(newsChannelName(scope));
  return createBrowserHost({
    host: "page",
    scope,
    // A second tab answers too, and leaves the writing to the first.
    lock: "if-available",
    tell: (news) => channel.postMessage(news),
    engine: ({ server, backends }) => enginesApart(server, scope, engineHere(server, scope, backends)),
  });
}

/** A worker for each servable, whose end frees its memory; where workers have no workers, all is computed in this one. */
function enginesApart(server: string, scope: string, here: EngineHost): EngineHost {
  if (typeof Worker !== "function") return here;
  return new ApartEngineHost({
    // It computes what fails apart; until then nothing is started here.
    here: { backends: here.backends, load: (model, options) => here.load(model, options), close: () => here.close() },
    isApart: () => true,
    scope,
    lend: async ({ model, version }) => {
      const { port1, port2 } = new MessageChannel();
      lendWorker(port2, { script: self.location.href, role: { ashore: MESSAGE_PROTOCOL, role: "engine", server, scope, owner: await life }, name: `${model} ${version}` });
      return port1;
    },
    locks: navigator.locks,
    clock: browserClock,
  });
}

function engineHere(server: string, scope: string, backends?: readonly Backend[]): InProcessEngineHost {
  const files = runtimeFiles({ server, cacheName: `ashore-runtime:${scope}`, digests: WASM_DIGESTS, fetch: (url, init) => fetch(url, init) });
  return createInProcessEngineHost({ providers: browserBackends({ wasmFile: (name) => files.file(name), threads: self.crossOriginIsolated }), backends });
}
