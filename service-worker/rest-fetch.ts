import { asAshoreError, httpStatus } from "../protocol/errors.ts";
import { parseRestPath, writeErrorBody, type RestRoute } from "../protocol/rest/index.ts";
import { isWanted, type HostSettings } from "../browser/host-options.ts";
import type { RuntimeHost } from "../browser/runtime-host.ts";
import { checkBodySize, toFetchHandler, type Runtime } from "../runtime/index.ts";

export interface RestFetchOptions {
  readonly host: Pick<RuntimeHost, "settings" | "knownSettings" | "runtime">;
  readonly origin: string;
}

export interface RestFetch {
  /** Whether a request may be for a model of this host; answered at once, as `respondWith` must be called. */
  isOurs(request: Request): boolean;
  /** Never rejects but as `fetch` does, for requests that turn out to be somebody else's. */
  answer(request: Request): Promise<Response>;
}

/**
 * TensorFlow Serving's REST API over a service worker's fetch events: only of the models that this host was told to hold. All else
 * goes to the network as if there were no worker.
 */
export function createRestFetch({ host, origin }: RestFetchOptions): RestFetch {
  function routeOf(request: Request): RestRoute {
    const { origin: theirs, pathname, search } = new URL(request.url);
    return theirs === origin ? parseRestPath(request.method, pathname + search) : { kind: "elsewhere" };
  }

  return {
    isOurs: (request) => {
      const model = modelOf(routeOf(request));
      // A worker that has just been started knows nothing yet, and has to look.
      return model !== undefined && (host.knownSettings === undefined || holds(host.knownSettings, model));
    },
    answer: async (request) => {
      const model = modelOf(routeOf(request)) ?? null;
      let settings: HostSettings | undefined;
      try {
        settings = await host.settings();
        if (settings === undefined || !holds(settings, model)) return await fetch(request);
        const runtime = await host.runtime();
        if (model !== null && isUnknown(runtime, settings, model)) return await fetch(request);
        return await answered(request, runtime, settings);
      } catch (thrown) {
        if (settings === undefined || request.signal.aborted) throw thrown;
        return failure(thrown);
      }
    },
  };
}

/** The model of a route; null for the list of all; undefined where it is no request to a model. */
function modelOf(route: RestRoute): string | null | undefined {
  if (route.kind === "list") return null;
  return "model" in route ? route.model : undefined;
}

function holds(settings: HostSettings, model: string | null): boolean {
  return model === null ? settings.models === "all" || settings.models.length > 0 : isWanted(settings, model);
}

/** With `models: "all"`: whether the server is known to have no such model. */
function isUnknown(runtime: Runtime, { models, syncedAt }: HostSettings, model: string): boolean {
  return models === "all" && syncedAt !== undefined && runtime.status(model) === undefined;
}

async function answered(request: Request, runtime: Runtime, { fallback, server }: HostSettings): Promise<Response> {
  const handle = toFetchHandler(runtime);
  if (fallback !== "server") return await handle(request);
  // Kept whole for as long as it may have to be sent on.
  const declared = Number(request.headers.get("content-length") ?? 0);
  checkBodySize(declared);
  const spare = request.clone();
  const response = await handle(request);
  return response.status === 503 ? ((await atServer(spare, server)) ?? response) : response;
}

/** The server's answer in this device's place; undefined where it cannot be reached. */
async function atServer(request: Request, server: string): Promise<Response | undefined> {
  const { pathname, search } = new URL(request.url);
  const headers = new Headers();
  for (const name of ["accept", "content-type", "content-encoding"]) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  try {
    const body = request.method === "GET" ? null : await request.arrayBuffer();
    const response = await fetch(server.replace(/\/+$/, "") + pathname + search, { method: request.method, headers, body, signal: request.signal });
    const marked = new Response(response.body, response);
    marked.headers.set("x-ashore-served-by", "server");
    return marked;
  } catch {
    return undefined;
  }
}

function failure(thrown: unknown): Response {
  const { code, message } = asAshoreError(thrown);
  const status = httpStatus(code);
  const headers = new Headers({ "content-type": "application/json", "x-ashore-served-by": "device" });
  if (status === 503) headers.set("retry-after", "1");
  return new Response(writeErrorBody(message), { status, headers });
}
