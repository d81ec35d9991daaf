import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { getRequestListener } from "@hono/node-server";
import { answerRest, type Log } from "../edge/index.ts";
import { isForMetrics } from "../edge/metrics/metrics-answer.ts";
import { drain, listenAt } from "../edge/socket.ts";
import { AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { App } from "./app.ts";
import type { ServerConfig } from "./config/index.ts";
import type { Route } from "./routes/metrics.ts";
import type { StaticFiles } from "./routes/static-files.ts";
import { answerStatic, type StaticListenerEvents } from "./routes/static-listener.ts";

export interface Listener {
  /** `http://HOST:PORT`, with the port that was really taken. */
  readonly url: string;
  /** Takes no more connections, waits for the answers under way (at most LIMITS.drainMs), then closes the rest. */
  drain(): Promise<void>;
}

export interface ListenOptions {
  readonly config: Pick<ServerConfig, "host" | "port" | "tls" | "metricsPath">;
  readonly app: App;
  readonly files: StaticFiles;
  readonly log: Log;
}

/** Longer than the idle time of common proxies, so that none sends a request into a connection that is being closed. */
const KEEP_ALIVE_MS = 75_000;

/**
 * Serves the app on a socket: published files and inference straight on `node:http`, the rest through the app.
 * @throws CONFIG_INVALID for an address or certificate that cannot be used
 */
export async function listen({ config, app, files, log }: ListenOptions): Promise<Listener> {
  const throughApp = getRequestListener((request) => app.fetch(request), { overrideGlobalObjects: false });
  const events: StaticListenerEvents = {
    onAnswer: app.metrics.answered,
    onError: (error) => log.error({}, `A published file could not be answered with: ${messageOf(error)}`),
  };
  const state = { closing: false };

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (state.closing) response.shouldKeepAlive = false;
    if (answerStatic(files, request, response, events)) return;
    response.once("finish", () => app.metrics.answered(routeOf(request.url ?? ""), response.statusCode));
    const { url = "/" } = request;
    // TensorFlow Serving takes `/V1/` for the same.
    const isRest = (/^\/v1\//i.test(url) || url === "/predict") && !isForMetrics(config.metricsPath, url);
    const answered = isRest ? answerRest(app.rest.handle, request, response, state) : throughApp(request, response);
    answered.catch((error: unknown) => {
      log.error({ path: request.url }, `A request could not be answered: ${String(error)}`);
      response.destroy();
    });
  }

  const server = await serverFor(config, onRequest);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const url = await listenAt(server, { ...config, scheme: config.tls === undefined ? "http" : "https" });
  return {
    url,
    drain: async () => {
      state.closing = true;
      await drain(server, LIMITS.drainMs);
    },
  };
}

async function serverFor({ tls }: ListenOptions["config"], onRequest: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  if (tls === undefined) return createServer({ noDelay: true }, onRequest);
  try {
    const [cert, key] = await Promise.all([readFile(tls.cert), readFile(tls.key)]);
    return createSecureServer({ cert, key, noDelay: true }, onRequest);
  } catch (cause) {
    throw new AshoreError("CONFIG_INVALID", `ssl_cert ${tls.cert} and ssl_key ${tls.key} cannot be used: ${messageOf(cause)}`, { cause });
  }
}

function routeOf(url: string): Route {
  if (url.startsWith("/v1/") || url.startsWith("/predict")) return "rest";
  return url.startsWith("/manifests") ? "manifests" : "other";
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
