import { LIMITS } from "../../protocol/limits.ts";

export interface PollState {
  /** Seconds between polls, as the serving config or a flag says. */
  readonly pollSeconds: number;
  /** Polls that failed since the last that did not. */
  readonly failures: number;
  /** What the server asked for in `Retry-After`, milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** Uniform in [0, 1). */
  readonly random: number;
}

/**
 * Milliseconds until the next poll: the interval +- 50 %, so that devices that started together spread; doubled for each
 * failure, up to 8 intervals or LIMITS.pollBackoffCapMs, whichever is less. Never sooner than the server asked, nor later than a
 * day for its sake: it may be a mirror that would like us to sleep.
 */
export function nextPollDelay({ pollSeconds, failures, retryAfterMs = 0, random }: PollState): number {
  const interval = pollSeconds * 1000;
  const cap = Math.max(interval, Math.min(8 * interval, LIMITS.pollBackoffCapMs));
  const backedOff = Math.min(cap, interval * 2 ** Math.min(failures, 30));
  return Math.max(backedOff * (0.5 + random), Math.min(retryAfterMs, LIMITS.wholeCycleMs));
}
