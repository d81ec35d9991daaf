import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { MESSAGE_PROTOCOL, type HelloValue } from "../protocol/messages.ts";
import type { Target } from "./ports.ts";
import type { RequestOf, Requests } from "./requests.ts";
import type { WithSignal } from "./types.ts";

export interface GreetOptions extends WithSignal {
  readonly target: Target;
  readonly requests: Requests;
  readonly hello: RequestOf<"hello">;
  /** The script and the scope of the service worker that is asked, for people. */
  readonly where: () => string;
}

/**
 * Says hello. A service worker of an older release is replaced by the newest that there is, once.
 * @throws WORKER_CONFLICT where the service worker does not know Ashore, PROTOCOL_MISMATCH, WORKER_FAILED, what `hello` fails with
 */
export async function greet({ target, requests, hello, where, signal }: GreetOptions): Promise<HelloValue> {
  // A script of the page's own may take long to arrive, and says by itself when it does not; a service worker is installed.
  const takenWithinMs = target.host === "service-worker" ? LIMITS.workerTakesMs : undefined;
  for (let isRenewed = false; ; isRenewed = true) {
    try {
      return await requests.ask(hello, { signal, takenWithinMs });
    } catch (thrown) {
      const error = asAshoreError(thrown, "WORKER_FAILED");
      if (error.code === "WORKER_FAILED" && takenWithinMs !== undefined && requests.life === undefined) throw foreign(where(), error);
      const isOlder = error.code === "PROTOCOL_MISMATCH" && requests.protocol !== undefined && requests.protocol < MESSAGE_PROTOCOL;
      if (!isOlder || isRenewed || !(await target.renew())) throw error;
    }
  }
}

function foreign(where: string, cause: AshoreError): AshoreError {
  return new AshoreError(
    "WORKER_CONFLICT",
    `The service worker ${where} does not answer Ashore, and is left as it is. If it is your app's own, add \`import { serve } from "ashore/service-worker"; serve({ server, models });\` to it; or give connect() another \`scope\`, or \`serviceWorker: false\` to run in the page alone.`,
    { cause },
  );
}
