import { AshoreError, asAshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { MESSAGE_PROTOCOL, type HelloValue } from "../protocol/messages.ts";
import type { Target, Timers } from "./ports.ts";
import type { RequestOf, Requests } from "./requests.ts";
import type { WithSignal } from "./types.ts";

export interface GreetOptions extends WithSignal {
  readonly target: Target;
  readonly requests: Requests;
  readonly timers: Timers;
  readonly hello: RequestOf<"hello">;
  /** The script and the scope of the service worker that is asked, for people. */
  readonly where: () => string;
}

/**
 * Says hello. A service worker of an older release is replaced by the newest that there is, once.
 * @throws WORKER_CONFLICT where the service worker does not know Ashore, PROTOCOL_MISMATCH, WORKER_FAILED, what `hello` fails with
 */
export async function greet({ target, requests, timers, hello, where, signal }: GreetOptions): Promise<HelloValue> {
  const silence = new AbortController();
  // A script of the page's own may take long to arrive, and says by itself when it does not; a service worker is installed.
  const stop = timers.after(LIMITS.workerTakesMs, () => {
    if (target.renew !== undefined && requests.life === undefined) silence.abort(foreign(where()));
  });
  const ends = AbortSignal.any([silence.signal, ...(signal === undefined ? [] : [signal])]);
  try {
    return await requests.ask(hello, { signal: ends });
  } catch (thrown) {
    const isOlder = requests.protocol !== undefined && requests.protocol < MESSAGE_PROTOCOL;
    if (!isOlder || (await target.renew?.()) !== true) throw asAshoreError(thrown);
    return await requests.ask(hello, { signal: ends });
  } finally {
    stop();
  }
}

function foreign(where: string): AshoreError {
  return new AshoreError(
    "WORKER_CONFLICT",
    `The service worker ${where} does not know Ashore. Add \`import { serve } from "ashore/service-worker"; serve({ server, models })\` to it, or connect with another \`scope\` or \`serviceWorker: false\`.`,
  );
}
