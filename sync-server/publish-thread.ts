import { parentPort, workerData } from "node:worker_threads";
import { createThreadedEngineHost } from "../edge/index.ts";
import { toWireError } from "../protocol/errors.ts";
import { CANCEL, type FromPublishThread, type PublishThreadData } from "./publish-messages.ts";
import { publishVersion } from "./publish/index.ts";
import { openSigner } from "./sign/index.ts";
import { createFolderStorage } from "./storage/index.ts";
import { systemClock } from "./system-clock.ts";

/**
 * Publishes one version in a thread of its own, which then ends: importing, hashing and encoding hundreds of megabytes stalls
 * no request, and all of the memory that it took is given back.
 */
const port = parentPort;
if (port === null) throw new Error("publish-thread is a worker's script.");

// structuredClone made this of a PublishThreadData, `publish-in-thread.ts` alone starts this script.
const { dataDir, request } = workerData as PublishThreadData;
const cancelled = new AbortController();
const post = (message: FromPublishThread): void => port.postMessage(message);
port.on("message", (message) => {
  if (message === CANCEL) cancelled.abort();
});

const engine = createThreadedEngineHost();
try {
  const { signal } = cancelled;
  const signer = await openSigner({ dataDir, clock: systemClock });
  const ports = { signer, engine, clock: systemClock, storage: createFolderStorage(dataDir) };
  post({ type: "done", result: await publishVersion(request, ports, { signal, onProgress: (progress) => post({ type: "progress", progress }) }) });
} catch (thrown) {
  post({ type: "failed", error: toWireError(thrown) });
} finally {
  await engine.close();
  port.close();
}
