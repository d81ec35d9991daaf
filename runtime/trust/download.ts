import { AshoreError, type AshoreErrorOptions } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Clock, FetchPort, WithSignal } from "../ports.ts";

export interface DownloadOptions extends WithSignal {
  /** The most bytes that are taken; one more ends the download with LIMIT_EXCEEDED. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly headers?: Readonly<Record<string, string>>;
  /** The HTTP cache's part, where the host has one; the platform's default without it. */
  readonly cache?: "no-cache" | "no-store" | "reload";
  /** Called with the size of each piece as it arrives. */
  readonly onBytes?: (count: number) => void;
}

export interface Download {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** HTTP_STATUS, with the status and how long the server asked us to wait (`Retry-After`), in milliseconds. */
export class HttpStatusError extends AshoreError {
  readonly status: number;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, status: number, retryAfterMs: number | undefined, options?: AshoreErrorOptions) {
    super("HTTP_STATUS", message, options);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * A whole body, bounded while it streams in bytes and in time: in every window of LIMITS.leastSpeedWindowMs it must bring
 * LIMITS.leastBytesPerSecond, or end (The Update Framework, endless data and slow retrieval attacks).
 * @throws NETWORK_FAILED, HTTP_STATUS ({@link HttpStatusError}), LIMIT_EXCEEDED, SLOW_RETRIEVAL, CANCELLED, DEADLINE_EXCEEDED
 */
export async function download(fetch: FetchPort, url: string, options: DownloadOptions): Promise<Download> {
  const { clock, maxBytes, onBytes } = options;
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  let received = 0;
  const done = new AbortController();
  void watchSpeed(clock, () => received, done.signal).then((error) => {
    if (error !== undefined) stop.abort(new AshoreError("SLOW_RETRIEVAL", `${url} ${error}`));
  });
  try {
    if (signal.aborted) throw new Error("It was not begun.");
    const response = await orAborted(
      fetch(url, { signal, ...(options.headers && { headers: options.headers }), ...(options.cache && { cache: options.cache }) }),
      signal,
    );
    if (!response.ok) {
      await discard(response);
      throw new HttpStatusError(`${url} was answered with status ${response.status} ${response.statusText}.`, response.status, retryAfterMs(response.headers, clock.now()));
    }
    const tooMany = new AshoreError("LIMIT_EXCEEDED", `${url} sends more than the ${maxBytes} bytes that may come from there.`);
    if (!response.headers.has("content-encoding") && Number(response.headers.get("content-length")) > maxBytes) {
      await discard(response);
      throw tooMany;
    }
    const chunks: Uint8Array[] = [];
    // Node's types leave the pieces of a body untyped; on the wire they are bytes.
    const body: ReadableStream<Uint8Array> | null = response.body;
    const reader = body?.getReader();
    try {
      while (reader !== undefined) {
        const { done: ended, value } = await orAborted(reader.read(), signal);
        if (ended) break;
        received += value.byteLength;
        if (received > maxBytes) throw tooMany;
        chunks.push(value);
        onBytes?.(value.byteLength);
      }
    } catch (error) {
      void reader?.cancel().catch(() => undefined);
      throw error;
    }
    return { status: response.status, headers: response.headers, bytes: joined(chunks, received) };
  } catch (cause) {
    throw downloadError(cause, url, signal);
  } finally {
    done.abort();
  }
}

/** What is wrong with the speed, once it is; undefined when `signal` ends the watch. */
async function watchSpeed(clock: Clock, received: () => number, signal: AbortSignal): Promise<string | undefined> {
  const least = (LIMITS.leastBytesPerSecond * LIMITS.leastSpeedWindowMs) / 1000;
  for (;;) {
    const before = received();
    try {
      await clock.sleep(LIMITS.leastSpeedWindowMs, { signal });
    } catch {
      return undefined;
    }
    const got = received() - before;
    if (got < least) return `sent ${got} bytes in ${LIMITS.leastSpeedWindowMs / 1000} s; at least ${least} must come in that time. The network is too slow, or the server holds the answer back.`;
  }
}

/** A promise, or the signal's reason if that comes first (a fetch port or a stream need not watch the signal). */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason instanceof Error ? signal.reason : new AshoreError("CANCELLED", String(signal.reason)));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort) signal.removeEventListener("abort", onAbort);
  }
}

function downloadError(thrown: unknown, url: string, signal: AbortSignal): AshoreError {
  if (thrown instanceof AshoreError) return thrown;
  const reason: unknown = signal.aborted ? signal.reason : undefined;
  if (reason instanceof AshoreError) return reason;
  const name = reason instanceof Error || reason instanceof DOMException ? reason.name : undefined;
  if (name === "TimeoutError") return new AshoreError("DEADLINE_EXCEEDED", `${url} did not come in time.`, { cause: reason });
  if (signal.aborted) return new AshoreError("CANCELLED", `The download of ${url} was cancelled.`, { cause: reason });
  return new AshoreError("NETWORK_FAILED", `${url} could not be fetched: ${thrown instanceof Error ? thrown.message : String(thrown)}. The device is offline, or the server does not answer.`, { cause: thrown });
}

async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return bytes;
}

/** `Retry-After` in either form, seconds or a date (RFC 9110, 10.2.3). */
function retryAfterMs(headers: Headers, now: number): number | undefined {
  const value = headers.get("retry-after");
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
