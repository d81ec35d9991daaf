import { LIMITS } from "../protocol/limits.ts";
import type { News } from "./news.ts";
import type { PageLife } from "./ports.ts";
import { inRounds, type Asker } from "./rounds.ts";

/** After a version began to answer, the page is left alone for this long before other backends are tried. */
const IMPROVE_AFTER_MS = 3_000;
/** A page that nobody sees does not look for news more often than this. */
const HIDDEN_MS = 60_000;

export interface PollOptions {
  readonly asker: Asker;
  readonly news: News;
  readonly page: PageLife;
  readonly pollSeconds: number;
}

/**
 * Looks for news as long as the page is there, since a service worker has no timers that outlive its events: at once, then on
 * schedule, and when the page becomes visible or the network comes back. What is not due yet (another tab has looked) the
 * worker answers at once. Has backends tried when the page is idle. What goes wrong is told as news.
 */
export class Poll {
  readonly #options: PollOptions;
  readonly #closing = new AbortController();
  readonly #ends: (() => void)[];
  #pollSeconds: number;
  #failures = 0;
  #isLooking = false;
  #stopTimer: () => void = () => undefined;
  #stopImproving: () => void = () => undefined;

  constructor(options: PollOptions) {
    const { page, news, pollSeconds } = options;
    this.#options = options;
    this.#pollSeconds = pollSeconds;
    this.#ends = [
      page.onWake(() => void this.#look()),
      news.subscribe((event) => {
        if (event.type === "state" && event.status.state === "AVAILABLE") this.#improveSoon();
      }),
    ];
    void this.#look();
    this.#improveSoon();
  }

  close(): void {
    this.#closing.abort();
    for (const end of this.#ends) end();
    this.#stopTimer();
    this.#stopImproving();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#stopTimer();
    try {
      const { pollSeconds } = await inRounds(this.#options.asker, { type: "sync", due: true }, { signal: this.#closing.signal });
      this.#pollSeconds = pollSeconds;
      this.#failures = 0;
    } catch {
      this.#failures += 1;
    }
    this.#isLooking = false;
    if (this.#closing.signal.aborted) return;
    const { page } = this.#options;
    const delay = pollDelay({ pollSeconds: this.#pollSeconds, failures: this.#failures, random: page.random(), isHidden: page.isHidden() });
    this.#stopTimer = page.after(delay, () => void this.#look());
  }

  #improveSoon(): void {
    const { page, asker } = this.#options;
    this.#stopImproving();
    this.#stopImproving = page.after(IMPROVE_AFTER_MS, () => {
      this.#stopImproving = page.whenIdle(() => {
        inRounds(asker, { type: "improve" }, { signal: this.#closing.signal }).catch(() => undefined);
      });
    });
  }
}

/**
 * Milliseconds until the next look: never before it is due, and up to half an interval later, so that devices that started
 * together spread; doubled for each failure, up to 8 intervals or LIMITS.pollBackoffCapMs.
 */
export function pollDelay({ pollSeconds, failures, random, isHidden }: { readonly pollSeconds: number; readonly failures: number; readonly random: number; readonly isHidden: boolean }): number {
  const interval = pollSeconds * 1000;
  const cap = Math.max(interval, Math.min(8 * interval, LIMITS.pollBackoffCapMs));
  const delay = Math.min(cap, interval * 2 ** failures) * (1 + random / 2);
  return isHidden ? Math.max(HIDDEN_MS, delay) : delay;
}
