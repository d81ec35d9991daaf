import * as v from "valibot";
import { hexOf } from "../protocol/digest.ts";
import { AshoreError, isErrorCode } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { isVersion, type Version } from "../protocol/names.ts";
import type { Clock, FetchPort, Ports, WithSignal } from "../runtime/ports.ts";
import { retrying } from "../runtime/sync/index.ts";
import { HttpStatusError } from "../runtime/trust/index.ts";
import type { PublishServer } from "../sync-server/publish/index.ts";

export interface UploadOptions {
  /** The server's base URL, without a slash at its end. */
  readonly server: string;
  readonly token: string;
  readonly fetch: FetchPort;
  readonly clock: Clock;
  readonly random: Ports["random"];
}

const refusalSchema = v.object({ error: v.string(), code: v.string() });
const receivedSchema = v.object({ offered: v.array(v.custom<Version>(isVersion)) });

/** The write routes of a server, for who holds a token. A network that fails for a moment is tried again. */
export function createUpload({ server, token, fetch, clock, random }: UploadOptions): Omit<PublishServer, "roleFor"> {
  const authorization = `Bearer ${token}`;

  function ask<T>(path: string, init: RequestInit, take: (response: Response, url: string) => Promise<T>, options: WithSignal = {}): Promise<T> {
    const url = `${server}/${path}`;
    const once = async (): Promise<T> => {
      try {
        // The token goes to the server that was named, and nowhere else.
        return await take(await fetch(url, { ...init, redirect: "error", ...(options.signal && { signal: options.signal }) }), url);
      } catch (cause) {
        options.signal?.throwIfAborted();
        if (cause instanceof AshoreError) throw cause;
        throw new AshoreError("NETWORK_FAILED", `${url} could not be reached: ${reasonOf(cause)}. The network is down, the server does not answer, or it sends on to another address, where no token is sent.`, { cause });
      }
    };
    return retrying(once, { clock, random }, options);
  }

  function put<T>(path: string, body: Uint8Array<ArrayBuffer>, take: (response: Response) => Promise<T>, options?: WithSignal): Promise<T> {
    return ask(path, { method: "PUT", body, headers: { authorization, "content-type": "application/octet-stream" } }, async (response, url) => {
      if (!response.ok) throw await refusalOf(response, url);
      return take(response);
    }, options);
  }

  return {
    hasBlob: (digest, size, options) =>
      ask(`blobs/sha256/${hexOf(digest)}`, { method: "HEAD" }, async (response, url) => {
        if (!response.ok && response.status !== 404) throw await refusalOf(response, url);
        return response.ok && Number(response.headers.get("content-length")) === size;
      }, options),
    put: (path, bytes, options) => put(path, bytes, async (response) => void (await textOf(response)), options),
    putRole: (role, bytes, options) => put(`metadata/${encodeURIComponent(role)}.json`, bytes, async (response) => v.parse(receivedSchema, JSON.parse(await textOf(response))), options),
  };
}

/** What a server refused and why, in its own words where they are an error of ours. */
async function refusalOf(response: Response, url: string): Promise<AshoreError> {
  const { status } = response;
  const said = v.safeParse(refusalSchema, jsonOf(await textOf(response)));
  const { code, error } = said.success ? said.output : { code: undefined, error: response.statusText };
  // It comes from elsewhere, and may end on a terminal.
  const words = error.replace(/[\p{Cc}\s]+/gu, " ").slice(0, 2_000);
  if (status === 404 && code !== "TARGET_NOT_FOUND") return new AshoreError("NOT_FOUND", `${url} takes nothing from publishers: no token was made there ("ashore tokens add" does), or it is no Ashore server. It said: ${words}`);
  if (isErrorCode(code) && (status < 500 || status === 507)) return new AshoreError(code, words);
  return new HttpStatusError(`${url} was answered with status ${status}: ${words}`, status, undefined);
}

/** A short answer's text. @throws LIMIT_EXCEEDED */
async function textOf({ body: untyped, url }: Response): Promise<string> {
  // Node's types leave the pieces of a body untyped; on the wire they are bytes.
  const body: ReadableStream<Uint8Array> | null = untyped;
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const piece of body ?? []) {
    size += piece.byteLength;
    if (size > LIMITS.uploadAnswerBytes) throw new AshoreError("LIMIT_EXCEEDED", `${url} answers with more than ${LIMITS.uploadAnswerBytes} bytes.`);
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message} (${cause.cause.message})` : cause.message;
}
