import type { IncomingMessage, ServerResponse } from "node:http";
import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import { checkBodySize, type RestCore, type RestResponse } from "../runtime/index.ts";

/**
 * Answers one request of node:http from the REST core, with nothing in between. A client that goes away ends its inference.
 * Settles when the answer was handed to the socket; never rejects.
 */
export async function answerRest(handle: RestCore["handle"], message: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort(new AshoreError("CANCELLED", "The client went away."));
  });
  const request = { method: message.method ?? "GET", target: message.url ?? "/", headers: message.headers, body: () => readBody(message) };
  sendRest(response, await handle(request, gone), !message.complete);
}

/** @param cut whether the request's body was left unread, so that the connection cannot be used again */
export function sendRest(response: ServerResponse, { status, headers, body }: RestResponse, cut = false): void {
  if (response.destroyed) return;
  if (cut && status >= 400) response.shouldKeepAlive = false;
  response.writeHead(status, { ...headers, "content-length": typeof body === "string" ? Buffer.byteLength(body) : body.byteLength });
  response.end(body);
}

function readBody(message: IncomingMessage): Promise<Uint8Array> {
  const declared = message.headers["content-length"];
  if (declared !== undefined) checkBodySize(Number(declared));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    message.on("data", (chunk: Buffer) => {
      length += chunk.byteLength;
      try {
        checkBodySize(length);
      } catch (thrown) {
        message.pause();
        reject(asAshoreError(thrown));
        return;
      }
      chunks.push(chunk);
    });
    message.once("end", () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length)));
    message.once("error", (cause) => reject(new AshoreError("CANCELLED", "The client went away.", { cause })));
    message.once("close", () => reject(new AshoreError("CANCELLED", "The client went away.")));
  });
}
