import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { useBackend } from "../engine/backends.ts";
import type { LoadedGraph } from "../engine/execute.ts";
import { loadGraph } from "../engine/load.ts";
import { standardBackends } from "../engine/standard-backends.ts";
import { asAshoreError, AshoreError, toWireError } from "../protocol/errors.ts";
import { AnswerWriter, readRuns } from "./engine-codec.ts";
import { collectShards } from "./engine-collect.ts";
import type { FromThread, LoadMessage, RunMessage, ThreadData, ToThread } from "./engine-messages.ts";

/** The script of an engine thread: one graph, on one backend, until the host ends the thread. */

/** Answers wait for those that come after them in the same message at most about this long. */
const FLUSH_MS = 5;

const port = parentPort;
if (port === null) throw new Error("This is the script of an engine thread; createThreadedEngineHost starts it.");
const { wasmPath } = workerData as ThreadData;

// TF.js's converter warns at each run of a graph with `If` that it has no control flow; what fails is thrown, not warned of.
console.warn = () => {};

let graph: LoadedGraph | undefined;
const writer = new AnswerWriter();

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
    else await answer(message);
  }
  working = false;
}

/** The next message, taken from the port without another turn of the event loop. */
function next(): ToThread | undefined {
  return port === null ? undefined : (receiveMessageOnPort(port)?.message as ToThread | undefined);
}

async function load({ model, backend }: LoadMessage): Promise<void> {
  try {
    const provider = standardBackends({ wasmPath }).find(({ name }) => name === backend);
    if (provider === undefined) throw new AshoreError("BACKEND_UNAVAILABLE", `Engine threads have no ${backend} backend.`);
    await useBackend(provider);
    const bytes = model.shards.reduce((sum, shard) => sum + (shard?.byteLength ?? 0), 0);
    graph = loadGraph(model, provider);
    collectShards(bytes);
    post({ type: "loaded" });
  } catch (thrown) {
    post({ type: "failed", error: toWireError(thrown) });
  }
}

async function answer(message: RunMessage): Promise<void> {
  let started = performance.now();
  const flush = (): void => {
    if (writer.isEmpty) return;
    const now = performance.now();
    const { message: answers, transfer } = writer.take(now - started);
    post(answers, transfer);
    started = now;
  };
  for (const { feeds, fetches } of readRuns(message)) {
    try {
      if (graph === undefined) throw new AshoreError("FAILED_PRECONDITION", "The engine thread has no graph.");
      // Awaited only where there is something to wait for: a turn of the microtask queue is not free beside a tiny model.
      const computed = graph.execute(feeds, fetches);
      writer.answer(fetches, computed instanceof Promise ? await computed : computed);
    } catch (thrown) {
      const error = asAshoreError(thrown);
      if (error.code === "ENGINE_CRASHED") {
        flush();
        post({ type: "failed", error: toWireError(error) });
        return;
      }
      writer.fail(error);
    }
    if (performance.now() - started > FLUSH_MS) flush();
  }
  flush();
}

function post(message: FromThread, transfer: readonly ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}
