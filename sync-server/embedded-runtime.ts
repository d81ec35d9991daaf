import { join } from "node:path";
import { createBatching, createBatchingMetrics, createEdgeRuntime, createRequestMetrics, type EdgeRuntime } from "../edge/index.ts";
import { eventLog, type Log } from "../edge/log.ts";
import type { AshoreError } from "../protocol/errors.ts";
import type { App } from "./app.ts";
import { warmUpOptions, type AnswerConfig } from "./config/index.ts";

export interface EmbeddedOptions {
  /** The server's data folder. */
  readonly dataDir: string;
  /** The server's address, which messages name. */
  readonly server: string;
  readonly app: App;
  readonly answers: Pick<AnswerConfig, "timeoutMs" | "dialect" | "batching" | "warmup">;
  readonly log: Log;
  /** Another process took the folder: stop. */
  readonly onLost: (error: AshoreError) => void;
}

/**
 * The runtime behind the server's own port: one more device, which takes its versions from the app without a socket, shares
 * the server's blobs, and looks for news when the server has signed.
 * @throws STORE_LOCKED where another server works in the folder; STORE_FULL, STORE_FAILED
 */
export function createEmbeddedRuntime({ dataDir, server, app, answers, log, onLost }: EmbeddedOptions): Promise<EdgeRuntime> {
  return createEdgeRuntime({
    server,
    dataDir: join(dataDir, "device"),
    blobsDir: join(dataDir, "blobs"),
    fetch: (url, init) => app.fetch(new Request(url, init)),
    timeoutMs: answers.timeoutMs,
    dialect: answers.dialect,
    ...warmUpOptions(answers.warmup),
    batching: answers.batching && createBatching(answers.batching, createBatchingMetrics(app.metrics)),
    metrics: createRequestMetrics(app.metrics),
    report: eventLog(log),
    onLost,
    onEngineOutput: (line) => log.debug({}, `engine: ${line}`),
  });
}
