import { AshoreError, fromWireError, toWireError } from "../protocol/errors.ts";
import { MESSAGE_PROTOCOL, type HostAnswer, type HostRequest, type HostValues } from "../protocol/messages.ts";
import type { NamedTensors } from "../protocol/tensor.ts";
import type { WithSignal } from "../runtime/ports.ts";
import type { EnginePort } from "./engine-ports.ts";
import { isEnvelope, readCancel, readRequest } from "./read-request.ts";
import type { RuntimeHost } from "./runtime-host.ts";

/** What only some workers can do. */
export interface WorkerSkills {
  /** Keeps pages of the site for offline; answers how many. */
  readonly keepSite?: ((urls: readonly string[], options: WithSignal) => Promise<number>) | undefined;
  readonly skipWaiting?: (() => Promise<void>) | undefined;
}

export interface AnswerOptions extends WorkerSkills {
  readonly host: Pick<RuntimeHost, "hello" | "predict" | "models" | "sync" | "settle" | "improve" | "stored" | "remove">;
  /** The name of the Web Lock that this worker holds, once it does. */
  readonly life: Promise<string>;
}

/** As a `MessagePort`. */
export type AnswerPort = Pick<EnginePort, "postMessage" | "addEventListener" | "start">;

/** A message as a worker gets it. */
export interface RequestMessage {
  readonly data: unknown;
  readonly ports: readonly AnswerPort[];
}

/**
 * Answers a page's request over the port that came with it: `taken`, then `done` or `failed`. Undefined for a message that is not
 * ours; else a promise that resolves, never rejecting, when the request is answered or given up (what an event's `waitUntil` gets).
 */
export function answerMessage({ data, ports: [port] }: RequestMessage, options: AnswerOptions): Promise<void> | undefined {
  if (port === undefined || !isEnvelope(data)) return undefined;
  return answer(data, port, options);
}

async function answer(envelope: { readonly ashore: unknown; readonly request?: unknown }, port: AnswerPort, options: AnswerOptions): Promise<void> {
  const giveUp = new AbortController();
  port.addEventListener("message", ({ data }) => {
    const cancel = readCancel(data);
    if (cancel !== undefined) giveUp.abort(fromWireError(cancel.error));
  });
  port.start();
  const post = (message: HostAnswer, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  try {
    post({ type: "taken", ashore: MESSAGE_PROTOCOL, life: await options.life });
    const request = readRequest(envelope);
    const value = await valueOf(request, options, giveUp.signal);
    post({ type: "done", value }, request.type === "predict" ? buffersOf((value as HostValues["predict"]).outputs) : []);
  } catch (thrown) {
    post({ type: "failed", error: toWireError(thrown) });
  }
}

async function valueOf(request: HostRequest, { host, keepSite, skipWaiting }: AnswerOptions, signal: AbortSignal): Promise<HostValues[HostRequest["type"]]> {
  switch (request.type) {
    case "hello":
      return await host.hello(request);
    case "predict":
      // Nested inputs are looked at when the signature def is known.
      return await host.predict(request as Parameters<typeof host.predict>[0], { signal });
    case "models":
      return await host.models();
    case "sync":
      return await host.sync(request, { signal });
    case "settle":
      return await host.settle({ signal });
    case "improve":
      return await host.improve({ signal });
    case "stored":
      return await host.stored({ signal });
    case "remove":
      await host.remove(request.model, { signal });
      return null;
    case "keep-site":
      if (keepSite === undefined) throw new AshoreError("UNIMPLEMENTED", "This worker keeps no site for offline use: the prebuilt service worker does.");
      return { kept: await keepSite(request.urls, { signal }) };
    case "skip-waiting":
      if (skipWaiting === undefined) throw new AshoreError("UNIMPLEMENTED", "This worker waits for nothing: only a service worker does.");
      await skipWaiting();
      return null;
  }
}

/** Outputs are the page's from now on: their memory moves instead of being copied. */
function buffersOf(outputs: NamedTensors): ArrayBuffer[] {
  const buffers = Object.values(outputs).flatMap(({ data }) => (Array.isArray(data) ? [] : [(data as Exclude<typeof data, readonly unknown[]>).buffer]));
  return [...new Set(buffers)];
}
