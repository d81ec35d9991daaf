import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { RestCore, RestResponse } from "../runtime/index.ts";
import { isForMetrics } from "./metrics/metrics-answer.ts";
import type { Readiness } from "./readiness.ts";
import { answerRest, sendRest } from "./rest-listener.ts";
import { drain, listenAt } from "./socket.ts";

export interface ListenerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly handle: RestCore["handle"];
  readonly readiness: () => Readiness;
  /** Where metrics are; null for nowhere. */
  readonly metricsPath: string | null;
  readonly metrics: (path: string, target: string) => Promise<RestResponse>;
}

export interface Listener {
  /** `http://HOST:PORT`, with the port that was really taken. */
  readonly url: string;
  /** Takes no more connections, waits for the answers under way (for `drainMs` at most), then closes the rest. */
  close(drainMs: number): Promise<void>;
}

/** Longer than the idle time of common proxies, so that none sends a request into a connection that is being closed. */
const KEEP_ALIVE_MS = 75_000;

/**
 * The edge's port: TensorFlow Serving's REST API, straight from node:http, beside `/healthz`, `/readyz` and metrics.
 * @throws CONFIG_INVALID for an address that cannot be listened at
 */
export async function listen({ host, port, handle, readiness, metricsPath, metrics }: ListenerOptions): Promise<Listener> {
  const state = { closing: false };

  function onRequest(message: IncomingMessage, response: ServerResponse): void {
    if (state.closing) response.shouldKeepAlive = false;
    // Nothing here rejects but by a bug, which must not be taken for an answer.
    void route(message, response).catch(() => response.destroy());
  }

  async function route(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = "/" } = message;
    if (metricsPath !== null && isForMetrics(metricsPath, url)) return sendRest(response, await metrics(metricsPath, url));
    if (url.startsWith("/v1/") || url === "/predict") return answerRest(handle, message, response, state);
    if (url === "/healthz") return sendText(response, 200, "text/plain; charset=utf-8", "ok\n");
    if (url === "/readyz") {
      const state = readiness();
      return sendText(response, state.ready ? 200 : 503, "application/json", `${JSON.stringify(state)}\n`);
    }
    return answerRest(handle, message, response, state);
  }

  const server = createServer({ noDelay: true }, onRequest);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const url = await listenAt(server, { host, port });
  return {
    url,
    close: (drainMs) => {
      state.closing = true;
      return drain(server, drainMs);
    },
  };
}

function sendText(response: ServerResponse, status: number, contentType: string, body: string): void {
  sendRest(response, { status, headers: { "content-type": contentType }, body });
}
