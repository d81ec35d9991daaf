import type { Log } from "../edge/index.ts";
import { asAshoreError } from "../protocol/errors.ts";
import type { Clock } from "./ports.ts";
import { expiringElsewhere, expiryText, type Signer } from "./sign/index.ts";
import type { WithSignal } from "./with-signal.ts";

export interface Background {
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const RENEW_CHECK_MS = 10 * 60_000;

const DAY_MS = 24 * 3_600_000;

/**
 * Signs again what is past half of its life, until the signal is aborted; of what expires within 30 days and is signed
 * elsewhere the log tells every day.
 */
export async function keepSigned(signer: Signer, { clock, log, signal }: Background, onSigned: () => void): Promise<void> {
  const told = new Map<string, string>();
  await repeatedly({ clock, log, signal }, "renewing signatures", () => RENEW_CHECK_MS, async () => {
    const { changed, state } = await signer.renewIfDue({ signal });
    const now = clock.now();
    for (const { role, expires } of expiringElsewhere(state.ages, now)) {
      const day = `${expires} ${Math.floor((expires - now) / DAY_MS)}`;
      if (told.get(role) === day) continue;
      told.set(role, day);
      const message = `${expiryText({ role, expires }, now)}; its keys are not here: "ashore renew --prepare FILE" writes what they must sign`;
      if (expires > now) log.warn({}, message);
      else log.error({}, message);
    }
    if (!changed) return;
    log.info({}, "signed again what was past half of its life");
    onSigned();
  });
}

/** A bell that cuts a wait short. */
export interface Bell {
  ring(): void;
  /** Resolves when it rings, or after `ms`; at once where it rang since the last wait. */
  wait(ms: number, clock: Clock, options: WithSignal): Promise<void>;
}

export function createBell(): Bell {
  let rung = new AbortController();
  return {
    ring: () => rung.abort(),
    wait: async (ms, clock, { signal }) => {
      const either = signal === undefined ? rung.signal : AbortSignal.any([rung.signal, signal]);
      await clock.sleep(ms, { signal: either }).catch(() => undefined);
      rung = new AbortController();
      signal?.throwIfAborted();
    },
  };
}

/** How often the disk is asked whether another process signed. */
const LOOK_MS = 1_000;
/** A look that failed is repeated less and less often. */
const MAX_LOOK_MS = 30_000;

/**
 * Calls `take` whenever what `mark` gives changes, that is when this process rang the bell after signing, or another process
 * signed in the same folder; until the signal is aborted.
 */
export async function noticeNews(mark: () => Promise<string | undefined>, take: () => Promise<void>, bell: Bell, { clock, log, signal }: Background): Promise<void> {
  let taken: string | undefined;
  await repeatedly({ clock, log, signal }, "taking in what was signed", (failures) => Math.min(LOOK_MS * 2 ** failures, MAX_LOOK_MS), async () => {
    const now = await mark();
    if (now === undefined || now === taken) return;
    await take();
    taken = now;
  }, bell);
}

/** Runs `work` again and again; what it throws is told once until it changes, and ends nothing. */
export async function repeatedly({ clock, log, signal }: Background, what: string, delayMs: (failures: number) => number, work: () => Promise<void>, bell = createBell()): Promise<void> {
  let told = "";
  let failures = 0;
  while (!signal.aborted) {
    try {
      await work();
      told = "";
      failures = 0;
    } catch (thrown) {
      if (signal.aborted) return;
      failures += 1;
      const { code, message } = asAshoreError(thrown);
      if (message !== told) log.error({ code }, `${what}: ${message}`);
      told = message;
    }
    await bell.wait(delayMs(failures), clock, { signal }).catch(() => undefined);
  }
}
