import type { IncomingMessage, ServerResponse } from "node:http";
import { select, type Selection } from "./conditional.ts";
import { missingBody, missingHeaders } from "./missing.ts";
import { headersFor } from "./representation.ts";
import { SMALL, type StaticFile, type StaticFiles } from "./static-files.ts";
import type { StaticPath } from "./static-path.ts";

export interface StaticListenerEvents {
  readonly onAnswer: (kind: StaticPath["kind"] | "missing", status: number) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Answers a request for a published file straight on `node:http`, without a `Request`, a `Response` or a web stream between:
 * several times the rate for small files, and blobs out of memory. The same answers as {@link staticResponse}, which tests
 * hold it to.
 * @returns false where the request is none of its business, and nothing was touched
 */
export function answerStatic(files: StaticFiles, request: IncomingMessage, response: ServerResponse, events: StaticListenerEvents): boolean {
  const { method, url } = request;
  if ((method !== "GET" && method !== "HEAD") || url === undefined) return false;
  const query = url.indexOf("?");
  const pathname = query < 0 ? url : url.slice(0, query);
  const found = method === "HEAD" ? files.look(pathname) : files.find(pathname);
  if (found === undefined) return false;
  if (found instanceof Promise) {
    found.then((file) => (file === undefined ? missing(pathname, response, events) : send(files, file, request, response, events))).catch((error: unknown) => fail(response, error, events));
  } else {
    send(files, found, request, response, events);
  }
  return true;
}

function send(files: StaticFiles, file: StaticFile, request: IncomingMessage, response: ServerResponse, events: StaticListenerEvents): void {
  const { etag, size, unchanged } = file.representation;
  if (hasTag(request.rawHeaders, etag)) {
    // What `select` would say too; this is what pollers and caches ask most.
    events.onAnswer(file.kind, 304);
    response.writeHead(304, unchanged).end();
    return;
  }
  const { headers } = request;
  const ifRange = headers["if-range"];
  const conditions = { ifNoneMatch: headers["if-none-match"], ifRange: typeof ifRange === "string" ? ifRange : undefined, range: headers.range };
  const selection = select(request.method ?? "GET", conditions, etag, size);
  events.onAnswer(file.kind, selection.status);
  if (request.method === "HEAD" || selection.status === 304 || selection.status === 416) {
    response.writeHead(selection.status, headersFor(file.representation, selection)).end();
    return;
  }
  const bytes = files.bytes(file);
  if (bytes instanceof Promise) {
    bytes.then((read) => (read === undefined ? streamTo(files, file, selection, response) : sendBytes(files, file, read, selection, response))).catch((error: unknown) => fail(response, error, events));
  } else {
    sendBytes(files, file, bytes, selection, response);
  }
}

/** Whether `If-None-Match` is just that tag. Looks at the headers as they came: to sort them into an object costs more than the answer. */
function hasTag(rawHeaders: readonly string[], etag: string): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i + 1] === etag && rawHeaders[i]?.toLowerCase() === "if-none-match") return true;
  }
  return false;
}

function sendBytes(files: StaticFiles, file: StaticFile, bytes: Uint8Array, selection: Selection, response: ServerResponse): void {
  if (response.destroyed) return;
  if (bytes.byteLength > SMALL) response.once("close", files.lease(file));
  response.writeHead(selection.status, headersFor(file.representation, selection));
  response.end(selection.status === 206 ? bytes.subarray(selection.start, selection.end + 1) : bytes);
}

async function streamTo(files: StaticFiles, file: StaticFile, selection: Selection, response: ServerResponse): Promise<void> {
  // Closed already, it would never tell that it is.
  if (response.destroyed) return;
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const stream = await files.stream(file, { range: selection.status === 206 ? selection : undefined, signal: gone.signal });
  if (stream === undefined) throw new Error(`${file.path} is gone`);
  response.writeHead(selection.status, headersFor(file.representation, selection));
  for await (const chunk of stream) {
    if (!response.write(chunk)) await writable(response, gone.signal);
  }
  response.end();
}

function writable(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settled = (): void => {
      response.off("drain", settled);
      signal.removeEventListener("abort", settled);
      if (signal.aborted) reject(new Error("The client went away."));
      else resolve();
    };
    response.once("drain", settled);
    signal.addEventListener("abort", settled);
    if (signal.aborted) settled();
  });
}

function missing(pathname: string, response: ServerResponse, { onAnswer }: StaticListenerEvents): void {
  const body = missingBody(pathname);
  onAnswer("missing", 404);
  response.writeHead(404, [...missingHeaders(pathname), "Content-Length", String(Buffer.byteLength(body))]).end(body);
}

function fail(response: ServerResponse, error: unknown, { onError }: StaticListenerEvents): void {
  // A client that went away is no fault of the server.
  if (response.destroyed) return;
  onError(error);
  if (response.headersSent) response.destroy();
  else response.writeHead(500, ["Content-Type", "application/json", "Cache-Control", "no-store"]).end('{"error":"The file could not be read.","code":"INTERNAL"}');
}
