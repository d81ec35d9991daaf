import { Worker } from "node:worker_threads";
import { AshoreError, asAshoreError, fromWireError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { CANCEL, type FromPublishThread, type PublishThreadData } from "./publish-messages.ts";
import type { PublishOptions, PublishRequest, PublishResult } from "./publish/index.ts";

export interface PublishThreadOptions {
  readonly dataDir: string;
  /** The thread's script. Default: `publish-thread.js` of this package's build. */
  readonly threadScript?: URL | undefined;
}

/**
 * {@link publishVersion} in a thread of its own. Aborting asks it to end, so that it leaves no lock behind, and ends it where
 * it does not.
 * @throws as publishVersion; ENGINE_CRASHED where the thread dies
 */
export function publishInThread(request: PublishRequest, { dataDir, threadScript = new URL("../dist/publish-thread.js", import.meta.url) }: PublishThreadOptions, { signal, onProgress }: PublishOptions = {}): Promise<PublishResult> {
  if (signal?.aborted === true) return Promise.reject(asAshoreError(signal.reason));
  const data: PublishThreadData = { dataDir, request };
  const worker = new Worker(threadScript, { workerData: data, name: "ashore-publish" });
  return new Promise<PublishResult>((resolve, reject) => {
    let deadline: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      worker.postMessage(CANCEL);
      deadline = setTimeout(() => void worker.terminate(), LIMITS.drainMs);
    };
    signal?.addEventListener("abort", cancel, { once: true });
    worker.on("message", (message: FromPublishThread) => {
      if (message.type === "progress") onProgress?.(message.progress);
      else if (message.type === "done") resolve(message.result);
      else reject(fromWireError(message.error));
    });
    worker.on("error", (cause) => reject(new AshoreError("ENGINE_CRASHED", `Publishing ${request.model} ${request.version} crashed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })));
    worker.once("exit", (code) => {
      clearTimeout(deadline);
      signal?.removeEventListener("abort", cancel);
      // Too late to matter where an answer came before.
      reject(signal?.aborted === true ? asAshoreError(signal.reason) : new AshoreError("ENGINE_CRASHED", `Publishing ${request.model} ${request.version} ended with status ${code} before it was done.`));
    });
  });
}
