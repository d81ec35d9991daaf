import type { IncomingMessage, ServerResponse } from "node:http";
import { select, type Selection } from "./conditional.ts";
import { headersFor } from "./representation.ts";
import { SMALL, type StaticFile, type StaticFiles } from "./static-files.ts";
import { missingBody, missingHeaders } from "./missing.ts";
import { staticPath, type StaticPath } from "./static-path.ts";

export interface StaticListenerEvents {
  readonly onAnswer: (kind: StaticPath["kind"], status: number) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Answers a request for a published file straight on `node:http`, without a `Request`, a `Response` or a web stream between:
 * four times the rate for small files, and blobs out of memory. The same answers as {@link staticResponse}, which a test
 * holds it to.
 * @returns false where the request is none of its business, and nothing was touched
 */
export function answerStatic(files: StaticFiles, request: IncomingMessage, response: ServerResponse, { onAnswer, onError }: StaticListenerEvents): boolean {
  const { method, url } = request;
  if ((method !== "GET" && method !== "HEAD") || url === undefined) return false;
  const query = url.indexOf("?");
  const path = staticPath(query < 0 ? url : url.slice(0, query));
  if (path === undefined) return false;
  const found = files.find(path);
  if (!(found instanceof Promise)) {
    send(files, found, request, response, onError);
    onAnswer(path.kind, response.statusCode);
    return true;
  }
  found
    .then((file) => {
      if (file === undefined) notFound(path, response);
      else send(files, file, request, response, onError);
      onAnswer(path.kind, response.statusCode);
    })
    .catch((error: unknown) => {
      onError(error);
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { "Content-Type": "application/json", "Cache-Control": "no-store" }).end('{"error":"The file could not be read.","code":"INTERNAL"}');
    });
  return true;
}

function send(files: StaticFiles, file: StaticFile, request: IncomingMessage, response: ServerResponse, onError: (error: unknown) => void): void {
  const { headers } = request;
  const { representation: of, bytes } = file;
  const ifRange = headers["if-range"];
  const conditions = { ifNoneMatch: headers["if-none-match"], ifRange: typeof ifRange === "string" ? ifRange : undefined, range: headers.range };
  const selection = select(request.method ?? "GET", conditions, of.etag, of.size);
  response.writeHead(selection.status, headersFor(of, selection));
  if (request.method === "HEAD" || selection.status === 304 || selection.status === 416) {
    response.end();
    return;
  }
  if (bytes === undefined) {
    streamTo(files, file.path, selection, response).catch((error: unknown) => {
      if (!response.destroyed) onError(error);
      response.destroy();
    });
    return;
  }
  if (bytes.byteLength > SMALL) {
    const release = files.lease(file.path);
    response.once("close", release);
  }
  response.end(selection.status === 206 ? bytes.subarray(selection.start, selection.end + 1) : bytes);
}

async function streamTo(files: StaticFiles, path: string, selection: Selection, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const stream = await files.stream(path, { range: selection.status === 206 ? selection : undefined, signal: gone.signal });
  if (stream === undefined) throw new Error(`${path} is gone`);
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

function notFound(path: StaticPath, response: ServerResponse): void {
  const body = missingBody(path);
  response.writeHead(404, [...missingHeaders(path), "Content-Length", String(Buffer.byteLength(body))]).end(body);
}
