import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Ports, WithSignal } from "../ports.ts";
import { HttpStatusError } from "../trust/download.ts";

/** Uniform in [0, 1), out of 32 random bits. */
export function unitRandom(random: Ports["random"]): number {
  const bytes = random(4);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) / 2 ** 32;
}

/**
 * Whether, and after how many milliseconds, to try again what failed for the `attempt`-th time (from 1): a network that fails
 * or is slow, an answer 5xx, 408, 425 or 429. The wait is random below a bound that doubles (full jitter), and never shorter than
 * `Retry-After`; one beyond LIMITS.retryCapMs is not waited out here but left to the next poll. Undefined: give up.
 */
export function retryDelay(error: unknown, attempt: number, random: number): number | undefined {
  if (!(error instanceof AshoreError) || attempt >= LIMITS.fetchAttempts) return undefined;
  const retryAfter = error instanceof HttpStatusError ? (error.retryAfterMs ?? 0) : 0;
  if (!isTransient(error) || retryAfter > LIMITS.retryCapMs) return undefined;
  return Math.max(retryAfter, random * Math.min(LIMITS.retryCapMs, LIMITS.retryBaseMs * 2 ** attempt));
}

/** A fault of the way there, which another attempt may not meet; another encoding from the same server would. */
export function isTransient(error: AshoreError): boolean {
  if (error instanceof HttpStatusError) return error.status >= 500 || [408, 425, 429].includes(error.status);
  return error.code === "NETWORK_FAILED" || error.code === "SLOW_RETRIEVAL";
}

/**
 * Work that meets the network, again as long as {@link retryDelay} says so.
 * @throws what `work` threw last; CANCELLED while it waits
 */
export async function retrying<Result>(work: () => Promise<Result>, { clock, random }: Pick<Ports, "clock" | "random">, { signal }: WithSignal = {}): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (thrown) {
      const delay = retryDelay(thrown, attempt, unitRandom(random));
      if (delay === undefined) throw thrown;
      await clock.sleep(delay, { signal });
    }
  }
}
