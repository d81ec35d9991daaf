import type { IncomingMessage, ServerResponse } from "node:http";
import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import { checkBodySize, type RestCore, type RestResponse } from "../runtime/index.ts";

/** What a listener's answers depend on besides their requests. */
export interface ListenerState {
  /** The server takes no more connections: each answer says that it is its connection's last. */
  readonly closing: boolean;
}

/**
 * Answers one request of node:http from the REST core, with nothing in between. A client that goes away ends its inference.
 * Settles when the answer was handed to the socket; never rejects.
 */
export async function answerRest(handle: RestCore["handle"], message: IncomingMessage, response: ServerResponse, state?: ListenerState): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort(new AshoreError("CANCELLED", "The client went away."));
  });
  const reader = { message, isCut: false };
  const answer = await handle({ method: message.method ?? "GET", target: message.url ?? "/", headers: message.headers, body: () => readBody(reader) }, gone);
  // Of a body that was not read to its end, node:http reads the rest away; one beyond the limit is not worth that.
  if (reader.isCut || state?.closing === true) response.shouldKeepAlive = false;
  sendRest(response, answer);
}

export function sendRest(response: ServerResponse, { status, headers, body }: RestResponse): void {
  if (response.destroyed) return;
  response.writeHead(status, { ...headers, "content-length": typeof body === "string" ? Buffer.byteLength(body) : body.byteLength });
  response.end(body);
}

function readBody(reader: { readonly message: IncomingMessage; isCut: boolean }): Promise<Uint8Array> {
  const { message } = reader;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const checked = (bytes: number): boolean => {
      try {
        checkBodySize(bytes);
        return true;
      } catch (thrown) {
        reader.isCut = true;
        message.pause();
        reject(asAshoreError(thrown));
        return false;
      }
    };
    if (!checked(Number(message.headers["content-length"] ?? 0))) return;
    message.on("data", (chunk: Buffer) => {
      length += chunk.byteLength;
      if (checked(length)) chunks.push(chunk);
    });
    message.once("end", () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length)));
    message.once("error", (cause) => reject(new AshoreError("CANCELLED", "The client went away.", { cause })));
    message.once("close", () => reject(new AshoreError("CANCELLED", "The client went away.")));
  });
}
