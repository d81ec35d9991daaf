import type { IncomingMessage, ServerResponse } from "node:http";
import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import { checkBodySize, type RestCore, type RestRequest, type RestResponse } from "../runtime/index.ts";

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
  const request = new NodeRequest(message, response);
  const answer = await handle(request);
  // Of a body that was not read to its end, node:http reads the rest away; one beyond the limit is not worth that.
  if (request.isCut || state?.closing === true) response.shouldKeepAlive = false;
  sendRest(response, answer);
}

/** Up to this size head and body go to the socket as one string, in one write; beyond, copying would cost more than it saves. */
const ONE_WRITE_BYTES = 16_384;

export function sendRest(response: ServerResponse, { status, headers, body }: RestResponse): void {
  if (response.destroyed) return;
  const bytes = typeof body === "string" ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  response.writeHead(status, { ...headers, "content-length": bytes.byteLength });
  // latin1 has a character for each byte, so the bytes come out as they went in.
  if (bytes.byteLength <= ONE_WRITE_BYTES) response.end(bytes.toString("latin1"), "latin1");
  else response.end(bytes);
}

/** One object a request, and no more: what the core asks for is read when it asks. */
class NodeRequest implements RestRequest {
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  /** The body went beyond the limit, and the rest of it was not read. */
  isCut = false;

  constructor(message: IncomingMessage, response: ServerResponse) {
    this.#message = message;
    this.#response = response;
  }

  get method(): string {
    return this.#message.method ?? "GET";
  }

  get target(): string {
    return this.#message.url ?? "/";
  }

  get headers(): IncomingMessage["headers"] {
    return this.#message.headers;
  }

  readonly onGone = (cancel: (reason: AshoreError) => void): void => {
    this.#response.once("close", () => {
      if (!this.#response.writableFinished) cancel(goneAway());
    });
  };

  readonly body = (): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      const message = this.#message;
      const chunks: Buffer[] = [];
      let length = 0;
      const isTaken = (bytes: number): boolean => {
        try {
          checkBodySize(bytes);
          return true;
        } catch (thrown) {
          this.isCut = true;
          message.pause();
          reject(asAshoreError(thrown));
          return false;
        }
      };
      if (!isTaken(Number(message.headers["content-length"] ?? 0))) return;
      message.on("data", (chunk: Buffer) => {
        length += chunk.byteLength;
        if (isTaken(length)) chunks.push(chunk);
      });
      message.on("end", () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length)));
      message.on("error", (cause) => reject(goneAway(cause)));
      message.on("close", () => {
        if (!message.readableEnded) reject(goneAway());
      });
    });
}

function goneAway(cause?: unknown): AshoreError {
  return new AshoreError("CANCELLED", "The client went away.", { cause });
}
