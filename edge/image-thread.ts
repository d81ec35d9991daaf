import { Worker } from "node:worker_threads";
import { asAshoreError, AshoreError, fromWireError } from "../protocol/errors.ts";
import type { PreparedImage } from "../protocol/image/preprocess-image.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { PrepareImage } from "../runtime/ports.ts";
import type { FromImageThread, ToImageThread } from "./image/messages.ts";

export interface ImageThreadOptions {
  /** The thread's script. Default: `image-thread.js` of this package's build. */
  readonly threadScript?: URL | undefined;
}

export interface ImageThread {
  readonly prepareImage: PrepareImage;
  /** Ends the thread; what waits for it is CANCELLED. */
  close(): Promise<void>;
}

interface Task {
  readonly message: ToImageThread;
  readonly done: (image: PreparedImage) => void;
  readonly fail: (error: AshoreError) => void;
}

/**
 * A thread that decodes images and makes them what graphs take, one at a time: so only one is ever in memory as pixels. It starts
 * with the first, and again after it died. What is cancelled before its turn is never looked at; in its turn, the thread ends with
 * it, as an image may be made to cost hours.
 */
export function createImageThread({ threadScript = new URL("../dist/image-thread.js", import.meta.url) }: ImageThreadOptions = {}): ImageThread {
  const waiting = new Set<Task>();
  let running: Task | undefined;
  let thread: Worker | undefined;
  let isClosed = false;

  function next(): void {
    const [task] = waiting;
    if (running !== undefined || task === undefined) return;
    waiting.delete(task);
    running = task;
    thread ??= start();
    // While it works it keeps the process from ending; by itself it does not.
    thread.ref();
    thread.postMessage(task.message, [task.message.bytes.buffer]);
  }

  function start(): Worker {
    const started = new Worker(threadScript, { name: "ashore-images" });
    started.on("message", (answer: FromImageThread) => {
      // One that was ended may have answered just before: not for the task that runs now.
      if (thread === started) settle((task) => (answer.type === "prepared" ? task.done(answer.image) : task.fail(fromWireError(answer.error))));
    });
    const ended = (why: string, cause?: unknown): void => {
      if (thread !== started) return;
      thread = undefined;
      settle((task) => task.fail(new AshoreError("RESOURCE_EXHAUSTED", `The thread that decodes images ended over this one: ${why}. Send a smaller one.`, { cause })));
    };
    started.on("error", (cause) => ended(cause instanceof Error ? cause.message : String(cause), cause));
    started.on("exit", (code) => ended(`status ${code}`));
    return started;
  }

  function settle(how: (task: Task) => void): void {
    const task = running;
    running = undefined;
    thread?.unref();
    if (task !== undefined) how(task);
    next();
  }

  return {
    prepareImage: (bytes, how, { signal }) => {
      if (isClosed) return Promise.reject(closed());
      if (signal?.aborted === true) return Promise.reject(asAshoreError(signal.reason, "CANCELLED"));
      if (waiting.size >= LIMITS.queuedRequests) return Promise.reject(new AshoreError("UNAVAILABLE", `${LIMITS.queuedRequests} images wait to be decoded already; ask again later.`));
      return new Promise<PreparedImage>((resolve, reject) => {
        const forget = (): void => signal?.removeEventListener("abort", abort);
        const task: Task = {
          message: { bytes: new Uint8Array(bytes), how },
          done: (image) => {
            forget();
            resolve(image);
          },
          fail: (error) => {
            forget();
            reject(error);
          },
        };
        const abort = (): void => {
          waiting.delete(task);
          task.fail(asAshoreError(signal?.reason, "CANCELLED"));
          if (running !== task) return;
          void thread?.terminate();
          thread = undefined;
          running = undefined;
          next();
        };
        signal?.addEventListener("abort", abort);
        waiting.add(task);
        next();
      });
    },
    close: async () => {
      isClosed = true;
      for (const task of [...waiting, ...(running === undefined ? [] : [running])]) task.fail(closed());
      waiting.clear();
      await thread?.terminate();
    },
  };
}

function closed(): AshoreError {
  return new AshoreError("CANCELLED", "No more images are decoded: this runtime was closed.");
}
