import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { standardBackends, useBackend } from "../engine/backends.ts";
import type { LoadedGraph } from "../engine/execute.ts";
import { loadGraph } from "../engine/load.ts";
import { AshoreError, asAshoreError, toWireError } from "../protocol/errors.ts";
import type { FromThread, RunAnswer, RunRequest, ThreadData, ToThread } from "./engine-messages.ts";
import { moveAnswers } from "./engine-transfer.ts";

/** The script of an engine thread: one graph, on one backend, until the host ends the thread. */

/** Answers wait for those that come after them in the same message at most about this long. */
const FLUSH_MS = 5;

const port = parentPort;
if (port === null) throw new Error("This is the script of an engine thread; createThreadedEngineHost starts it.");
const { wasmPath } = workerData as ThreadData;

let graph: LoadedGraph | undefined;

const inbox: ToThread[] = [];
let working = false;

port.on("message", (message: ToThread) => {
  inbox.push(message);
  if (!working) void work();
});

/** Handles messages one after the other: a graph with control flow gives way to the event loop while it computes. */
async function work(): Promise<void> {
  working = true;
  for (let message = inbox.shift(); message !== undefined; message = inbox.shift() ?? next()) {
    if (message.type === "load") await load(message);
    else await answer(message.requests);
  }
  working = false;
}

/** The next message, taken from the port without another turn of the event loop. */
function next(): ToThread | undefined {
  return port === null ? undefined : (receiveMessageOnPort(port)?.message as ToThread | undefined);
}

async function load({ model, backend }: Extract<ToThread, { type: "load" }>): Promise<void> {
  try {
    const provider = standardBackends({ wasmPath }).find(({ name }) => name === backend);
    if (provider === undefined) throw new AshoreError("BACKEND_UNAVAILABLE", `Engine threads have no ${backend} backend.`);
    await useBackend(provider);
    graph = loadGraph(model, provider);
    post({ type: "loaded", backend: graph.backend });
  } catch (thrown) {
    post({ type: "failed", error: toWireError(thrown) });
  }
}

async function answer(requests: readonly RunRequest[]): Promise<void> {
  let answers: RunAnswer[] = [];
  let transfer: ArrayBuffer[] = [];
  let started = performance.now();
  const flush = (): void => {
    const now = performance.now();
    post({ type: "answers", answers, busyMs: now - started }, transfer);
    answers = [];
    transfer = [];
    started = now;
  };
  for (const { id, feeds, fetches } of requests) {
    try {
      if (graph === undefined) throw new AshoreError("FAILED_PRECONDITION", "The engine thread has no graph.");
      // Awaited only where there is something to wait for: a turn of the microtask queue is not free beside a tiny model.
      const computed = graph.execute(feeds, fetches);
      const results = computed instanceof Promise ? await computed : computed;
      moveAnswers(results, transfer);
      answers.push({ id, answers: results });
    } catch (thrown) {
      const error = asAshoreError(thrown);
      if (error.code === "ENGINE_CRASHED") {
        if (answers.length > 0) flush();
        post({ type: "failed", error: toWireError(error) });
        return;
      }
      answers.push({ id, error: toWireError(error) });
    }
    if (performance.now() - started > FLUSH_MS) flush();
  }
  if (answers.length > 0) flush();
}

function post(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}
